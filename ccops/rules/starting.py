"""The rules of a stack that is about to start: where its Prometheus will look."""

from __future__ import annotations

from collections.abc import Sequence

from ccops.core.profile import Profile
from ccops.stack.paths import StateDir


def put_rules(profile: Profile, starting: Sequence[str]) -> None:
    """Write the profile's rules if Prometheus is among `starting`.

    Raises UsageError for a threshold that is none: nothing is written then, and nothing started.
    """
    if "prometheus" not in starting:
        return
    # A stack without Prometheus needs no templates, so that they are read for one only.
    from ccops.rules import journal
    from ccops.rules.project import TEMPLATES, rule_set
    from ccops.rules.writing import write_all

    if not (profile.project.root / TEMPLATES).is_dir():
        return
    files = rule_set(profile).rendered.files
    folder = StateDir(profile.state_dir).rules
    write_all({folder: {file.name: file.text for file in files}})
    journal.end(folder)  # nothing is left of an apply that was cut off
