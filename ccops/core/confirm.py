"""What must be typed before a protected environment is changed."""

from __future__ import annotations

from ccops.core.errors import Refused
from ccops.core.profile import Profile


def check_typed(
    reason_code: str, profile: Profile, thing: str, verb: str, *, confirm: str, reason: str, kept: str
) -> None:
    """Refuse on a protected profile unless ENV:THING was typed and a reason given (`kept`: where it goes).

    `reason_code` is the code of a missing reason; a missing name is ENV_PROTECTED everywhere.
    """
    if not profile.protected:
        return
    token = f"{profile.env}:{thing}"
    if confirm != token:
        raise Refused(
            "ENV_PROTECTED",
            f"{profile.env} is protected: {verb} needs the name of what it changes",
            evidence=f"--confirm was {confirm or 'not given'}",
            next_step=f"--confirm {token}",
        )
    if not reason.strip():
        raise Refused(
            reason_code,
            f"{profile.env} is protected: {verb} needs a reason",
            evidence=kept,
            next_step='--reason "why this is done"',
        )
