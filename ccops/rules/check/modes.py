"""When promtool is asked."""

from __future__ import annotations

from enum import StrEnum

from ccops.core.errors import UsageError
from ccops.rules.check.targets import Target
from ccops.rules.promtool import Promtool, find_promtool, require_promtool

_OLDEST: dict[Target, tuple[int, int]] = {Target.V2_42: (2, 42), Target.V2_53: (2, 53), Target.V3: (3, 0)}


class PromtoolMode(StrEnum):
    """auto: when it is installed and new enough. require: else the call is refused. off: never."""

    AUTO = "auto"
    REQUIRE = "require"
    OFF = "off"


def chosen_promtool(mode: PromtoolMode, target: Target) -> Promtool | None:
    """Return the promtool to ask, or None. Raises UsageError when one is required and is none or too old."""
    if mode is PromtoolMode.OFF:
        return None
    found = require_promtool() if mode is PromtoolMode.REQUIRE else find_promtool()
    if found is None or found.release >= _OLDEST[target]:
        return found
    if mode is PromtoolMode.REQUIRE:
        raise UsageError(
            "PROMTOOL_OLD",
            f"promtool {found.version} can't judge rules for Prometheus {target}",
            evidence=found.path,
            next_step="install a newer one, or --promtool auto",
        )
    return None
