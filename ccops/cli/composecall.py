"""`up` and `status` of the stack on Docker."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ccops.cli.options import finish
from ccops.cli.stackview import Progress, env_text, print_status, service_rows
from ccops.core.errors import ExitCode
from ccops.core.output import Output, Report
from ccops.core.profile import Profile
from ccops.stack.compose import engine
from ccops.stack.compose.layout import folder
from ccops.stack.paths import StateDir
from ccops.stack.state import StackState


def start(
    profile: Profile, services: Sequence[str], seed: str, progress: Progress, wait_timeout: float
) -> StackState:
    """Start the stack on Docker; the rules are rendered where its Prometheus finds them."""
    return engine.up(profile, services, seed, progress, wait_timeout, lambda names: _render(profile, names))


def show(profile: Profile, output: Output, env_file: bool) -> None:
    """Write what runs, or the KEY=VALUE lines of stack.env."""
    if env_file:
        sys.stdout.write(env_text(engine.stack_env(profile), output))
        return
    state = engine.status(profile)
    report = Report(
        "ccops.stack.status/v1",
        {"supervisor": None, "mode": "compose", "services": service_rows(state), "monitoring": None},
        ExitCode.OK if state.ready else ExitCode.NEGATIVE,
        env=profile.env,
        text=lambda console: print_status(console, state),
    )
    finish(report, output)


def _render(profile: Profile, names: Sequence[str]) -> None:
    """Put the rules where Prometheus mounts them. Raises UsageError for a threshold that is none."""
    from ccops.rules.project import TEMPLATES, rule_set
    from ccops.rules.writing import write_all

    if "prometheus" not in names or not (profile.project.root / TEMPLATES).is_dir():
        return
    rules = folder(StateDir(profile.state_dir), "rules")
    files = rule_set(profile).rendered.files
    write_all({rules: {file.name: file.text for file in files}})
    # Its process is another user than the one who wrote them.
    rules.chmod(0o755)
    for path in rules.glob("*.yml"):
        path.chmod(0o644)
