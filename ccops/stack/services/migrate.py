"""The one-shot that brings the database to the packaged head and loads the seed."""

from __future__ import annotations

from ccops.stack.service import Service, Site
from ccops.stack.services.backend import module, program_env
from ccops.stack.services.graph import NEEDS


def build(site: Site) -> Service:
    """Return the migration; exit 0 counts as ready."""
    return Service(
        name="migrate",
        argv=module("migrate", "--seed", site.seed),
        env=program_env(site),
        needs=NEEDS["migrate"],
        ready_timeout_s=60.0,
        one_shot=True,
    )
