"""What models and migrations disagree about, beyond what was known before: a ratchet.

`drift.baseline` holds a line for each known disagreement. New ones are red; known ones that are gone are
said, so that the file only ever shrinks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ccops.core.errors import UsageError
from ccops.core.reports.marks import Mark, Severity
from ccops.migrations.config import AlembicConfig

_DESTRUCTIVE = ("remove_", "modify_type")


@dataclass(frozen=True, slots=True)
class Drift:
    """Disagreements as `operation objects`, sorted."""

    now: tuple[str, ...]
    known: frozenset[str]

    @property
    def new(self) -> list[str]:
        return [line for line in self.now if line not in self.known]

    @property
    def gone(self) -> list[str]:
        return sorted(self.known - set(self.now))


def baseline_path(config: AlembicConfig) -> Path:
    """Return where known drift is kept."""
    return config.script_location / "drift.baseline"


def read_drift(answer: object, baseline: Path) -> Drift:
    """Return the drift that the child found, beside what is known. Raises UsageError for no text."""
    listed = answer if isinstance(answer, list) else []
    now = tuple(sorted({" ".join(map(str, one)) for one in listed}))
    try:
        lines = baseline.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        lines = []
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "ALEMBIC_SCRATCH", f"{baseline.name} can't be read", evidence=f"{baseline}: {error}",
            next_step=f"git checkout -- {baseline}",
        ) from None  # fmt: skip
    return Drift(now, frozenset(line for line in lines if line and not line.startswith("#")))


def drift_marks(drift: Drift, file: str) -> list[Mark]:
    """Return a finding for each new disagreement; what a migration would destroy is told apart."""
    marks = []
    for line in drift.new:
        destroys = line.startswith(_DESTRUCTIVE)
        code = "ALEMBIC_DRIFT_DESTRUCTIVE" if destroys else "ALEMBIC_DRIFT"
        words = "the models lack or change what the migrations made" if destroys else "no migration makes it"
        marks.append(
            Mark(
                code, f"{line}: {words}", subject="drift", next_step="write the migration, or mend the model"
            )
        )
    marks += [
        Mark(
            "ALEMBIC_DRIFT_GONE", f"{line}: agreed by now", Severity.WARNING, file=file, subject="drift",
            next_step=f"take the line out of {file}",
        )
        for line in drift.gone
    ]  # fmt: skip
    return marks
