"""ccops redis: prove that every key is declared, of its type, and will expire."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ccops.cli.options import EnvOption, OutputOption, ProjectOption, finish, profile_of
from ccops.cli.options import app as new_app
from ccops.core.output import Output

app = new_app(
    """Prove that every Redis key is declared, of its type, and will expire; nothing is changed.

    ccops redis check
    ccops redis check --env staging -o json

    Exit codes: 0 all as declared, 1 offenders or no key at all, 2 usage, 4 not or not wholly looked at.
    """
)


@app.callback()
def redis() -> None:
    """Look at Redis (a group even while it has one command only)."""


@app.command()
def check(
    env: EnvOption = "dev",
    policy: Annotated[
        Path | None,
        typer.Option("--policy", help="Another redis.yml than the contract's.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", help="Look at this many keys at most.", min=1)] = 1_000_000,
    project: ProjectOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Look at every key: declared in the contract, of its type, with a life no longer than declared.

    ccops redis check
    ccops redis check --policy my-backend/redis.yml

    Exit codes: 0 all as declared, 1 offenders or no key at all, 2 usage, 4 not or not wholly looked at.
    """
    from ccops.cli.redisview import redis_report
    from ccops.data.redis_check import check_redis

    profile = profile_of(env, project)
    finish(redis_report(env, lambda: check_redis(profile, limit=limit, policy=policy)), output)
