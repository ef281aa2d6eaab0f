"""The standard of names, and the names of replays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccops.core.errors import Refused, UsageError
from ccops.kafka.naming import check_group_name, fault, hour_of, replay_name


@pytest.mark.parametrize(
    ("kind", "name", "why"),
    [
        ("topic", "cc.actions.events.dev", ""),
        ("group", "cc.actions.clickhouse.dev", ""),
        ("group", "cc.actions.clickhouse.dev.replay.2026112209", ""),
        ("topic", "cc.actions.events.dev.replay.2026112209", "only groups"),
        ("group", "cc.actions.clickhouse.dev.replay.2026113109", "no hour"),
        ("group", "cc.actions.clickhouse.prod", "belongs to prod"),
        ("topic", "user_actions", "it is not cc."),
        ("topic", "cc..events.dev", "it is not cc."),
        ("topic", "CC.actions.events.dev", "it is not cc."),
        ("topic", "cc.actions.events.dev\n", "it is not cc."),
        ("topic", f"cc.{'a' * 250}.events.dev", "249"),
    ],
)
def test_a_name_is_right_or_says_why_not(kind: str, name: str, why: str) -> None:
    said = fault(kind, name, "dev")
    assert why in said and bool(said) == bool(why)


@given(st.integers(10**9, 4 * 10**9), st.integers(-12, 14))
def test_a_replay_is_named_by_its_hour_in_utc_and_can_be_read_back(second: int, hours: int) -> None:
    at = datetime.fromtimestamp(second, timezone(timedelta(hours=hours)))
    name = replay_name("cc.a.b.dev", at)
    assert fault("group", name, "dev") == ""
    assert hour_of(name[-10:]) == at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def test_a_replay_of_a_replay_and_a_foreign_group_are_refused() -> None:
    with pytest.raises(UsageError):
        replay_name("cc.a.b.dev.replay.2026112209", datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(Refused):
        check_group_name("cc.a.b.prod", "dev", any_name=False)
    check_group_name("cc.a.b.prod", "dev", any_name=True)
