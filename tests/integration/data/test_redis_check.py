"""`ccops redis check` finds every planted key, whatever its name is made of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from ccops.core.bundle import packaged_contract
from ccops.core.errors import ExitCode, Unreachable, UsageError
from ccops.core.profile import Profile
from ccops.data.keys import Family, family_of, read_families
from ccops.data.redis_check import Keyspace, check_redis
from tests.conftest import Stack, run_ccops
from tests.integration.data.conftest import pointed

HOSTILE = [
    b"line\nbreak",
    b"\x1b[31mred\x1b[0m",
    b"\xff\xfe not text",
    b"[bold]markup[/bold]",
    "\u202egnihton".encode(),
    b"x" * 10_000,
    b"",
]


class Scratch:
    """A database of the session's Redis that nobody else uses."""

    def __init__(self, url: str, profile: Profile) -> None:
        self.url = f"{url.rpartition('/')[0]}/9"
        self.profile = pointed(profile, CCOPS_REDIS_URL=self.url)
        self.client = redis.Redis.from_url(self.url)
        self.client.flushdb()

    def look(self, **more: object) -> Keyspace:
        return check_redis(self.profile, **more)  # type: ignore[arg-type]


@pytest.fixture
def scratch(stack: Stack) -> Iterator[Scratch]:
    made = Scratch(stack.url("CCOPS_REDIS_URL"), stack.profile())
    yield made
    made.client.flushdb()
    made.client.close()


def write(client: redis.Redis, key: bytes | str, kind: str, ttl: int | None) -> None:
    """Make a key of a Redis type; without a TTL when `ttl` is None."""
    {
        "string": lambda: client.set(key, "1"),
        "hash": lambda: client.hset(key, "f", "1"),
        "stream": lambda: client.xadd(key, {"f": "1"}),
        "list": lambda: client.rpush(key, "1"),
        "zset": lambda: client.zadd(key, {"m": 1}),
        "set": lambda: client.sadd(key, "m"),
    }[kind]()
    if ttl is not None:
        client.expire(key, ttl)


def example(family: Family) -> str:
    """Return a key of `family`."""
    parts = family.pattern.replace("{", "\0").replace("}", "\0").split("\0")
    return "".join(
        "2001:db8::1" if part == "ip" else part if at % 2 == 0 else "7" for at, part in enumerate(parts)
    )


def offences(found: Keyspace) -> dict[str, dict[str, int]]:
    return {tally.pattern: dict(tally.offences) for tally in found.tallies if tally.offences}


FAMILIES = read_families(packaged_contract())


def test_every_declared_family_is_known_by_its_own_pattern(scratch: Scratch) -> None:
    for family in FAMILIES:
        write(scratch.client, example(family), family.kind, family.ttl_s)

    found = scratch.look()

    assert offences(found) == {}
    assert {(one.pattern, one.keys) for one in found.tallies} == {(one.pattern, 1) for one in FAMILIES}
    assert found.exit_code is ExitCode.OK


@pytest.mark.parametrize("family", FAMILIES, ids=[one.pattern for one in FAMILIES])
def test_each_family_is_held_to_its_type_and_life(scratch: Scratch, family: Family) -> None:
    wrong = "set" if family.kind != "set" else "string"
    for kind, ttl, code in [
        (wrong, family.ttl_s, "KEY_TYPE"),
        (family.kind, None, "KEY_WITHOUT_TTL"),
        (family.kind, (family.ttl_s or 0) + 60, "KEY_TTL_TOO_LONG"),
    ]:
        scratch.client.flushdb()
        write(scratch.client, example(family), kind, ttl)
        found = scratch.look()
        assert offences(found) == {family.pattern: {code: 1}}
        assert found.exit_code is ExitCode.NEGATIVE


@pytest.mark.parametrize("key", HOSTILE, ids=[repr(key[:12]) for key in HOSTILE])
def test_a_hostile_name_is_found_and_shown_on_one_plain_line(scratch: Scratch, key: bytes) -> None:
    write(scratch.client, key, "string", 5_000)

    found = scratch.look()

    assert offences(found) == {"(not declared)": {"KEY_UNKNOWN": 1}}
    (sample,) = found.tallies[0].samples["KEY_UNKNOWN"]
    assert sample.isprintable()
    assert len(sample) < 200
    ran = run_ccops("redis", "check", env={"CCOPS_REDIS_URL": scratch.url})
    assert ran.code == 1
    # A second or more lies between the two looks.
    headline, *shown = re.sub(r"\d+ s to live", "N s to live", ran.err).splitlines()
    assert "KEY_UNKNOWN" in headline
    assert shown == ["  " + re.sub(r"\d+ s to live", "N s to live", sample)]


def test_a_key_that_only_looks_like_a_family_is_unknown(scratch: Scratch) -> None:
    for key in ("user:1:streak", "user:1:2:streak:DAILY", "xuser:1:streak:DAILY", "rt::meta", "session:"):
        assert family_of(key.encode(), FAMILIES) is None


def test_thousands_of_keys_are_all_counted_and_a_limit_is_not_green(scratch: Scratch) -> None:
    pipe = scratch.client.pipeline()
    for n in range(3000):
        pipe.hset(f"session:{n}", "uid", "1")
        pipe.expire(f"session:{n}", 60)
    pipe.execute()

    assert scratch.look().keys == 3000
    cut = scratch.look(limit=1500)
    assert (cut.keys, cut.complete, cut.exit_code) == (1500, False, ExitCode.UNREACHABLE)
    assert scratch.look(limit=3000).exit_code is ExitCode.OK


def test_an_empty_redis_was_not_looked_at(scratch: Scratch) -> None:
    ran = run_ccops("redis", "check", "-o", "json", env={"CCOPS_REDIS_URL": scratch.url})

    assert ran.code == 1
    assert json.loads(ran.out)["issues"][0]["code"] == "NOTHING_CHECKED"


def test_a_policy_of_ones_own_judges_instead(scratch: Scratch, tmp_path: Path) -> None:
    write(scratch.client, "mine:1", "list", None)
    policy = tmp_path / "keys.yml"
    policy.write_text("keys:\n  mine:{n}: {type: list, ttl_s: null, owner: me}\n", encoding="utf-8")

    assert scratch.look(policy=policy).exit_code is ExitCode.OK
    policy.write_text("keys:\n  mine:{n}: {type: list, ttl_s: soon}\n", encoding="utf-8")
    with pytest.raises(UsageError):
        scratch.look(policy=policy)


def test_a_redis_that_is_gone_or_refuses_is_unreachable(scratch: Scratch) -> None:
    gone = pointed(scratch.profile, CCOPS_REDIS_URL="redis://:secret1@127.0.0.1:1/0")
    with pytest.raises(Unreachable):
        check_redis(gone)
    scratch.client.acl_setuser(
        "blind", enabled=True, passwords=["+seen"], categories=["-@all"], commands=["+ping"]
    )
    try:
        host = scratch.url.rpartition("@")[2]
        blind = pointed(scratch.profile, CCOPS_REDIS_URL=f"redis://blind:seen@{host}")
        with pytest.raises(Unreachable):
            check_redis(blind)
    finally:
        scratch.client.acl_deluser("blind")
