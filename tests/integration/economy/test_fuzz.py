"""Schemathesis over the whole OpenAPI document: no server error, no answer that is not documented.

`CCOPS_FUZZ_EXAMPLES=5000 pytest tests/integration/economy/test_fuzz.py` is the long run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ccops.core.errors import ExitCode
from ccops.data.redis_check import check_redis
from tests.answers import OPERATIONS, Operation
from tests.integration.economy.kit import Arena, Player

# An operation; half of them as a player, half as an administrator, side by side.
EXAMPLES = int(os.environ.get("CCOPS_FUZZ_EXAMPLES", "200"))
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# These end the session of the caller, so they get callers of their own.
ENDING = ("DELETE /api/users/me", "POST /api/auth/logout", "POST /api/auth/logout-all")

# And this one has no end that a fuzzer could wait for.
ENDLESS = ("GET /api/metrics/stream",)
# Without a broker and ClickHouse in this arena 503 is their right answer; they take no input.
STORES = ("GET /api/kafka/health", "GET /api/olap/health")


def _args(url: str, who: Player, examples: int, seed: int, *more: str) -> list[str]:
    return [
        str(Path(sys.executable).parent / "st"), "run", f"{url}/openapi.json",
        "--max-examples", str(examples), "--phases", "examples,coverage,fuzzing",
        "--checks", CHECKS, "--seed", str(seed),
        "--header", f"Authorization: Bearer {who.token}", "--suppress-health-check", "all",
        "--continue-on-failure", "--no-color", "--warnings", "off", *more,
    ]  # fmt: skip


def _run(folder: Path, jobs: Mapping[str, list[str]]) -> None:
    """Run all jobs side by side; every one must be green."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "SCHEMATHESIS_HOOKS": ""}
    started = {}
    for name, argv in jobs.items():
        with (folder / f"{name}.txt").open("wb") as out:
            started[name] = subprocess.Popen(argv, cwd=folder, env=env, stdout=out, stderr=subprocess.STDOUT)
    codes = {name: process.wait() for name, process in started.items()}
    said = {
        name: (folder / f"{name}.txt").read_text(errors="replace")[-6000:] for name in jobs if codes[name]
    }
    assert codes == dict.fromkeys(jobs, 0), "\n".join(said.values())


def _asked(arena: Arena) -> tuple[Counter[str], int]:
    """Return how often each operation was asked, by the servers' own count, and how many answers were 5xx."""
    asked: Counter[str] = Counter()
    broken = 0
    for url in arena.urls:
        text = httpx.get(f"{url}/metrics", trust_env=False).text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == "http_requests_total":
                    asked[f"{sample.labels['method']} {sample.labels['handler']}"] += int(sample.value)
                    broken += int(sample.value) if sample.labels["status"].startswith("5") else 0
    return asked, broken


def _takes_input(operation: Operation) -> bool:
    return bool(operation.spec.get("parameters") or operation.spec.get("requestBody"))


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_no_request_breaks_the_server_or_gets_an_answer_nobody_documented(
    arena: Arena, tmp_path: Path
) -> None:
    before, broken_before = _asked(arena)
    # Small ids are what a fuzzer tries first; the callers should survive that.
    arena.sql("SELECT setval(pg_get_serial_sequence('users', 'id'), 7000000 + nextval('users_id_seq'))")
    player, admin, *guests = [*arena.players(2, gold=100_000), *arena.players(len(ENDING))]
    arena.sql("UPDATE users SET rank = 'ADMIN' WHERE id = %(id)s", id=admin.id)
    arena.seeds([player, admin])
    ids = {one.name: one.spec["operationId"] for one in OPERATIONS}
    without = [word for name in ENDING + ENDLESS + STORES for word in ("--exclude-operation-id", ids[name])]
    each = max(1, EXAMPLES // 2)
    jobs = {
        "player": _args(arena.urls[0], player, each, 1, *without),
        "admin": _args(arena.urls[1], admin, each, 2, *without),
    }
    _run(tmp_path, jobs)
    for name, guest in zip(ENDING, guests, strict=True):
        _run(tmp_path, {"guest": _args(arena.urls[0], guest, 20, 3, "--include-operation-id", ids[name])})

    asked, broken = _asked(arena)
    assert broken == broken_before
    few = {
        one.name: asked[one.name] - before[one.name]
        for one in OPERATIONS
        if _takes_input(one)
        and one.name not in ENDING + ENDLESS
        and asked[one.name] - before[one.name] < EXAMPLES
    }
    assert few == {}
    total = sum((asked - before).values())
    print(f"{total} requests, {len(OPERATIONS)} operations")
    arena.prove()
    keys = check_redis(arena.profile)
    assert keys.exit_code is ExitCode.OK, keys.tallies
