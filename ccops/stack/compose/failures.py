"""The errors of a stack on Docker that did not come up or is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ccops.clients.docker import Container, Docker
from ccops.core.errors import Unreachable
from ccops.core.masking import mask_urls
from ccops.core.profile import Profile
from ccops.stack.compose.containers import of_project
from ccops.stack.compose.layout import project_name
from ccops.stack.failures import LOG_LINES
from ccops.stack.state import Phase, ServiceState

_ON_THE_WAY = frozenset({Phase.STARTING, Phase.WAITING})


def not_ready(docker: Docker, profile: Profile, bad: Sequence[ServiceState], total: int) -> Unreachable:
    """Return the error: probe, last answer and last log lines of each service that is not ready."""
    found: Mapping[str, Container] = of_project(docker, project_name(profile), [item.name for item in bad])
    lines: list[str] = []
    # What only waits, or is on its way, is no cause: the client gave up on it because of another.
    late = [item for item in bad if item.phase in _ON_THE_WAY or not item.started]
    causes = [item for item in bad if item not in late] or late
    for item in causes:
        lines.append(f"{item.name}: {item.phase} {item.detail}".rstrip())
        if item.probe:
            lines += [f"  probe   {item.probe}", f"  answer  {item.answer or 'none yet'}"]
        if item.name in found:
            text = found[item.name].logs(tail=LOG_LINES).decode("utf-8", "replace").splitlines()
            lines.append(f"  last {len(text)} log lines:" if text else "  the log is empty")
            lines += [f"    {line[:300]}" for line in text]
    if causes is not late and late:
        lines.append(f"not ready for that reason, or not yet: {', '.join(item.name for item in late)}")
    return Unreachable(
        "STACK_NOT_READY",
        f"{len(bad)} of {total} services {'is' if len(bad) == 1 else 'are'} not ready",
        evidence=mask_urls("\n".join(lines)),
        next_step="ccops status    then again: ccops up --mode compose",
    )


def stack_down(profile: Profile) -> Unreachable:
    """Return the error for a stack of which no container was ever started."""
    return Unreachable(
        "STACK_DOWN",
        f"the stack of {profile.env} is down",
        evidence=f"the engine has no container of project {project_name(profile)}",
        next_step=f"ccops up --env {profile.env} --mode compose",
    )
