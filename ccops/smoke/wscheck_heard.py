"""What a check of the realtime channel heard, and whether that keeps the promise."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ccops.core.errors import ExitCode


@dataclass(slots=True)
class Heard:
    """What came of it; times in milliseconds."""

    acts: int = 0
    failed_acts: int = 0
    frames: Counter[str] = field(default_factory=Counter)
    replayed: int = 0
    reconnects: int = 0
    closed_by_server: list[str] = field(default_factory=list)
    snapshots: int = 0  # reconnects that could not recover: the snapshot rules, frames before it are gone
    gaps: int = 0
    duplicates: int = 0
    unseen: int = 0  # acknowledged acts that no frame told of, though no snapshot replaced it
    disorder: int = 0  # acts whose frames came in another order than they were made
    latencies: list[float] = field(default_factory=list)
    back: list[float] = field(default_factory=list)  # from connecting again to the first frame

    def as_data(self) -> dict[str, object]:
        """Return the machine form."""
        return {
            "acts": self.acts,
            "failed_acts": self.failed_acts,
            "frames": dict(sorted(self.frames.items())),
            "replayed": self.replayed,
            "reconnects": self.reconnects,
            "closed_by_server": self.closed_by_server,
            "snapshots": self.snapshots,
            "gaps": self.gaps,
            "duplicates": self.duplicates,
            "unseen": self.unseen,
            "disorder": self.disorder,
            "latency_ms": quantiles(self.latencies),
            "reconnect_ms": quantiles(self.back),
        }

    def wrong(self, max_p95_ms: float | None) -> list[str]:
        """Return what breaks the promise, as sentences; nothing measured breaks it, too."""
        counts = {
            "gap(s) in the numbering": self.gaps,
            "frame(s) twice": self.duplicates,
            "act(s) that no frame told of": self.unseen,
            "act(s) out of order": self.disorder,
        }
        said = [f"{count} {text}" for text, count in counts.items() if count]
        if self.reconnects and self.snapshots >= self.reconnects:
            said.append(f"none of {self.reconnects} reconnect(s) recovered")
        if not self.latencies:
            return [*said, "no live frame was timed"]
        p95 = quantile(self.latencies, 0.95)
        if max_p95_ms is not None and p95 > max_p95_ms:
            said.append(f"p95 {p95:.0f} ms is above {max_p95_ms:g} ms")
        return said

    def exit_code(self, max_p95_ms: float | None) -> ExitCode:
        """Return 0 only when everything was seen once, in order and in time."""
        return ExitCode.NEGATIVE if self.wrong(max_p95_ms) else ExitCode.OK


def quantiles(samples: Sequence[float]) -> dict[str, object]:
    """Return n, p50, p95, p99 and the largest, in milliseconds; nulls when there are none."""
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    found = {name: round(quantile(samples, share), 1) if samples else None for name, share in shares.items()}
    return {"n": len(samples), **found}


def quantile(samples: Sequence[float], share: float) -> float:
    """Return the smallest sample that at least `share` of all do not exceed. Raises ValueError for none."""
    if not samples:
        raise ValueError("no samples")
    return sorted(samples)[max(1, math.ceil(share * len(samples))) - 1]
