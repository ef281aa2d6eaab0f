"""Render the rule set of one environment: thresholds into templates, checked against what they declare."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from ccops.core.errors import UsageError
from ccops.rules.inventory import Inventory, inventory_of
from ccops.rules.scaling import Scale
from ccops.rules.templating import Origin, RenderedFile, render_text
from ccops.rules.thresholds import Resolved
from ccops.rules.values import Kind, canonical

__all__ = ["Origin", "RenderedFile", "RenderedSet", "context_of", "render_set"]

RULES = "rules"


@dataclass(frozen=True, slots=True)
class RenderedSet:
    """All rule files of one environment, in the order of their names, and what they hold."""

    env: str
    files: tuple[RenderedFile, ...]
    inventory: Inventory


def render_set(
    templates_dir: Path,
    env: str,
    resolved: Resolved,
    *,
    time_scale: Decimal | int = 1,
    cache: Path | None = None,
) -> RenderedSet:
    """Return every rules/*.yml.j2 of `templates_dir` rendered for `env`.

    `time_scale` below 1 shortens every window and `for`, for tests; `cache` keeps compiled templates. Raises
    UsageError when a template can't be rendered, or holds other groups and alerts than its lines declare.
    """
    scale = Scale(Decimal(time_scale))
    names = sorted(path.name for path in (templates_dir / RULES).glob("*.yml.j2") if path.name[0] != "_")
    if not names:
        raise UsageError(
            "TEMPLATES_MISSING",
            f"{templates_dir / RULES} holds no *.yml.j2",
            evidence="a project's rules are in rules_templates/rules/",
            next_step="name another folder by --project",
        )
    shared = b"".join(path.read_bytes() for path in sorted((templates_dir / RULES).glob("_*.j2")))
    context = context_of(resolved, scale)
    files = []
    for name in names:
        source = (templates_dir / RULES / name).read_bytes()
        digest = hashlib.sha256(source + (shared if b"import" in source else b"")).hexdigest()
        files.append(
            render_text(
                templates_dir, f"{RULES}/{name}", context, header=_header(env, digest, scale), cache=cache
            )
        )
    return RenderedSet(env, tuple(files), inventory_of(files))


def context_of(resolved: Resolved, scale: Scale | None = None) -> dict[str, object]:
    """Return what templates see: thresholds by name, `env`, `runbook`, and the functions of time."""
    scale = scale or Scale(Decimal(1))
    values: Mapping[str, object] = {
        name: resolved.text(name) if resolved.thresholds[name].kind is Kind.DURATION else value
        for name, value in resolved.values.items()
    }
    return {
        **values,
        "env": resolved.env,
        "runbook": resolved.runbook,
        "window": scale.window,
        "hold": scale.hold,
        "burn": burn,
    }


def burn(factor: str, objective: Decimal) -> Decimal:
    """Return the error ratio at which a budget of `objective` percent burns `factor` times too fast."""
    return Decimal(factor) * (100 - objective) / 100


def _header(env: str, digest: str, scale: Scale) -> Callable[[str], str]:
    def header(name: str) -> str:
        lines = [
            f"# Rendered for {env} by `ccops rules render`. Edit the template or env/{env}.env, not this.",
            f"# template {name} sha256 {digest}",
        ]
        if scale.factor != 1:
            lines.append(f"# for tests: windows and for times {canonical(scale.factor)}")
        return "".join(line + "\n" for line in lines)

    return header
