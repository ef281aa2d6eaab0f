"""`ccops rules check`: what is wrong with alert rules, in process and without a server."""

from ccops.rules.check.engine import Checked, Settings, check_sources
from ccops.rules.check.entry import check_path, check_rendered, check_text
from ccops.rules.check.finding import SORTS, Finding
from ccops.rules.check.source import Source
from ccops.rules.check.targets import Target
from ccops.rules.check.texts import Demands

__all__ = [
    "SORTS",
    "Checked",
    "Demands",
    "Finding",
    "Settings",
    "Source",
    "Target",
    "check_path",
    "check_rendered",
    "check_sources",
    "check_text",
]
