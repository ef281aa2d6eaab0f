"""The reached level as an SVG badge: no font file, no network, the same bytes for the same level."""

from __future__ import annotations

from xml.sax.saxutils import escape

_COLOURS = {"L0": "#9f9f9f", "L1": "#dfb317", "L2": "#97ca00", "L3": "#4c1"}
_CHAR = 6.6  # width of a letter of Verdana 11


def badge(label: str, level: str) -> str:
    """Return the badge `label | level`."""
    left, right = round(len(label) * _CHAR) + 10, round(len(level) * _CHAR) + 12
    name = escape(f"{label}: {level}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img"'
        f' aria-label="{name}"><title>{name}</title>'
        f'<rect width="{left}" height="20" fill="#555"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{_COLOURS.get(level, "#9f9f9f")}"/>'
        '<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="{left / 2:g}" y="14">{escape(label)}</text>'
        f'<text x="{left + right / 2:g}" y="14">{escape(level)}</text></g></svg>\n'
    )
