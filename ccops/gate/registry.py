"""The checks that each capability brings. Other packages add theirs by the entry point `ccops.gate.checks`.

An entry point is a `Check`, or a collection of them. A name that is taken is an error: two checks of one
name would overwrite each other's evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import entry_points

from ccops.core.errors import UsageError
from ccops.gate.model import Check, Needs, Stage

GROUP = "ccops.gate.checks"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_RULES = ("rules_templates/**/*", "env/*.env")
_BACKEND = ("ccops/backend/**/*",)
_ENV = ("--env", "{env}")


def _stack(
    name: str, capability: str, argv: tuple[str, ...], about: str, stage: Stage = Stage.PR, **more: object
) -> Check:
    return Check(name, capability, (*argv, *_ENV), about, stage, Needs.STACK, **more)  # type: ignore[arg-type]


BUNDLED: tuple[Check, ...] = (
    Check("env", "env", ("env", "check", "--all-envs"), "keys, types, ranges, secrets, order", inputs=_RULES),
    Check("rules", "rules", ("rules", "check", "--all-envs"), "alert rules hold in every env", inputs=_RULES),
    Check(
        "rules-test", "rules", ("rules", "test", "--env", "all"),
        "each alert fires above and not at its threshold", inputs=_RULES, timeout_s=300,
    ),
    Check("dashboards", "monitor", ("monitor", "check"), "dashboards agree with metrics", inputs=_RULES),
    Check("alembic", "migrations", ("alembic", "check"), "one head, none edited", inputs=_BACKEND),
    Check("alembic-lint", "migrations", ("alembic", "lint"), "no destructive change", inputs=_BACKEND),
    Check("openapi", "contract", ("openapi", "export", "--check"), "document = app", inputs=_BACKEND),
    Check("routes", "contract", ("lint", "routes"), "no forbidden strings or double routes", inputs=_BACKEND),
    Check("scenarios", "smoke", ("smoke", "validate"), "every scenario is sound", inputs=("scenarios/**/*",)),
    _stack("doctor", "stack", ("doctor",), "nothing here keeps the stack from running"),
    _stack("data", "data", ("data", "check"), "invariants, indexes, keys", inputs=_BACKEND),
    _stack("redis", "data", ("redis", "check"), "keys are declared and will expire", inputs=_BACKEND),
    _stack("kafka-naming", "kafka", ("kafka", "naming", "check"), "topics and groups are named by rule"),
    _stack("kafka-topics", "kafka", ("kafka", "topics", "check"), "topics are as declared"),
    _stack("alembic-db", "migrations", ("alembic", "check", "--db"), "the database ran every migration"),
    _stack("env-live", "env", ("env", "check", "--live"), "the backend runs with this profile"),
    _stack("metrics", "monitor", ("metrics", "verify", "--profile", "core"), "promised metrics are there"),
    _stack(
        "journey", "smoke", ("smoke", "journey"), "a day in a user's life on every system",
        inputs=("scenarios/**/*", *_BACKEND), timeout_s=300, alone=True,
    ),
    Check(
        "alembic-scratch", "migrations", ("alembic", "check", "--scratch"),
        "no drift, up and down again, locks measured", Stage.NIGHTLY, inputs=_BACKEND, timeout_s=600,
    ),
    _stack(
        "panels", "monitor", ("monitor", "verify"), "every panel's query answers", Stage.NIGHTLY, alone=True
    ),
    _stack(
        "kafka-lag", "kafka", ("kafka", "lag", "--fail-above", "1000"), "nobody is far behind", Stage.NIGHTLY
    ),
    _stack(
        "smoke-all", "smoke", ("smoke", "run", "{scenarios}"), "every scenario", Stage.NIGHTLY,
        inputs=("scenarios/**/*", *_BACKEND), timeout_s=1800, alone=True,
    ),
    _stack(
        "races", "smoke", ("smoke", "race", "buy-race", "--n", "300"), "sold = affordable under 300 callers",
        Stage.NIGHTLY, inputs=_BACKEND, timeout_s=600, alone=True,
    ),
    _stack(
        "reconcile", "data", ("data", "reconcile"), "PostgreSQL = Kafka = ClickHouse, by id",
        Stage.NIGHTLY, inputs=_BACKEND, timeout_s=300, alone=True,
    ),
    _stack("slo", "monitor", ("slo", "report", "--strict"), "objectives are met", Stage.RELEASE, alone=True),
    Check(
        "rehearse", "migrations", ("alembic", "rehearse"), "up, journey, down, up on a copy",
        Stage.RELEASE, inputs=_BACKEND, timeout_s=1800, alone=True,
    ),
)  # fmt: skip


def registry() -> tuple[Check, ...]:
    """Return every check there is. Raises UsageError for a taken name, or an entry that is no check."""
    found = list(BUNDLED)
    for entry in entry_points(group=GROUP):
        try:
            loaded: object = entry.load()
        except Exception as error:  # noqa: BLE001 - a package's import may raise anything
            raise _bad(f"{entry.value}: {type(error).__name__}: {error}") from None
        listed = [loaded] if isinstance(loaded, Check) else loaded
        for one in listed if isinstance(listed, Iterable) else [listed]:
            if not isinstance(one, Check):
                raise _bad(f"{entry.value} is neither a Check nor a collection of them")
            if not NAME.fullmatch(one.name):
                raise _bad(f"{entry.value}: {one.name!r} can't name a file of evidence: a-z, 0-9 and -")
            found.append(one)
    names = [check.name for check in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _bad(f"the name {twice[0]} is taken")
    return tuple(found)


def _bad(why: str) -> UsageError:
    return UsageError(
        "GATE_REGISTRY",
        f"the entry points of {GROUP} can't be used",
        evidence=why,
        next_step="correct or uninstall that package",
    )
