"""`ccops status` of the stack on Docker."""

from __future__ import annotations

import sys

from ccops.cli.options import finish
from ccops.cli.stackview import env_text, print_status, service_rows
from ccops.core.errors import ExitCode
from ccops.core.output import Output, Report
from ccops.core.profile import Profile
from ccops.stack.compose import engine


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
