"""Silences have an owner, an end and exact matchers, on Alertmanager 0.25 and on newer ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from ccops.clients.alertmanager import open_alertmanager
from ccops.core.clock import iso
from ccops.core.errors import Refused, Unreachable, UsageError
from ccops.rules.alerts import check_ident, parse_matchers
from ccops.rules.silences import Silence, Silencer, check_lease, exactly
from tests.alertmanager_fake import Alertmanager

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LAG = {"alertname": "KafkaHighConsumerLag", "consumergroup": "cc.a.b.dev"}
MINUTE = timedelta(minutes=1)


class Clock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def item(ident: str, owner: str, minutes: int = 10, **changes: object) -> dict[str, object]:
    return {
        "id": ident,
        "createdBy": owner,
        "comment": "why",
        "matchers": exactly(LAG),
        "startsAt": iso(NOW - 5 * MINUTE),
        "endsAt": iso(NOW + minutes * MINUTE),
        "status": {"state": "active"},
    } | changes


def asked(server: Alertmanager, what: Callable[[Silencer], Silence | None]) -> Silence | None:
    with open_alertmanager("http://alerts:9093", transport=httpx.MockTransport(server)) as client:
        return what(Silencer(client, Clock()))


def ending(ident: str) -> Callable[[Silencer], None]:
    def end(silencer: Silencer) -> None:
        silencer.end(ident, "ccops/me")

    return end


def begin(server: Alertmanager, owner: str = "ccops/me", lease: timedelta = 15 * MINUTE) -> Silence:
    found = asked(server, lambda silencer: silencer.begin(LAG, owner, "why", lease))
    assert found is not None
    return found


def test_anothers_silence_of_the_same_is_left_alone_and_a_second_one_is_made() -> None:
    server = Alertmanager(item("theirs", "ccops/them"))

    assert begin(server).ident == "new"
    assert server.items["theirs"] == item("theirs", "ccops/them")


def test_the_own_one_is_extended_with_its_start_repeated_and_never_shortened() -> None:
    server = Alertmanager(item("mine", "ccops/me"), item("older", "ccops/me", 1))

    assert begin(server).ident == "mine"
    assert server.posted[-1]["startsAt"] == iso(NOW - 5 * MINUTE)
    assert begin(server, lease=MINUTE).ends_at == NOW + 15 * MINUTE


@pytest.mark.parametrize("change", [{"isRegex": True}, {"isEqual": False}])
def test_one_that_matches_by_a_pattern_or_by_negation_is_not_the_own_one(change: dict[str, bool]) -> None:
    patterned = [one | change for one in exactly(LAG)]

    assert begin(Alertmanager(item("mine", "ccops/me", matchers=patterned))).ident == "new"


def test_without_is_equal_a_matcher_is_one_of_equality() -> None:
    plain = [{key: value for key, value in one.items() if key != "isEqual"} for one in exactly(LAG)]

    assert begin(Alertmanager(item("mine", "ccops/me", matchers=plain))).ident == "mine"


def test_nobody_ends_the_silence_of_another() -> None:
    server = Alertmanager(item("theirs", "ccops/them"))

    with pytest.raises(Refused) as refusal:
        asked(server, ending("theirs"))

    assert refusal.value.code == "SILENCE_NOT_OWN" and "--as them" in refusal.value.next_step
    assert server.state("theirs") == {"state": "active"}


@pytest.mark.parametrize("gone", [500, 404])
def test_ending_one_that_is_gone_is_fine_on_old_and_new_servers(gone: int) -> None:
    asked(Alertmanager(gone=gone), ending("unknown"))


def test_a_server_that_fails_to_end_one_is_not_fine() -> None:
    broken = Alertmanager(item("mine", "ccops/me"))

    def fails(request: httpx.Request) -> httpx.Response:
        return httpx.Response(500) if request.method == "DELETE" else broken(request)

    with (
        pytest.raises(Unreachable),
        open_alertmanager("http://alerts:9093", transport=httpx.MockTransport(fails)) as client,
    ):
        Silencer(client, Clock()).end("mine", "ccops/me")


def test_only_what_was_alive_was_ended() -> None:
    over = item("mine", "ccops/me", status={"state": "expired"})

    def ended(server: Alertmanager) -> bool:
        with open_alertmanager("http://alerts:9093", transport=httpx.MockTransport(server)) as client:
            return Silencer(client, Clock()).end("mine", "ccops/me")

    assert ended(Alertmanager(item("mine", "ccops/me")))
    assert not ended(Alertmanager(over)) and not ended(Alertmanager())


@pytest.mark.parametrize(
    ("skew", "begins"),
    [(2, NOW), (-2, NOW), (3600, NOW + 60 * MINUTE), (-3600, NOW - 60 * MINUTE)],
)
def test_a_lease_counts_from_the_servers_clock_where_ours_is_another(skew: int, begins: datetime) -> None:
    """Ours an hour behind would end a silence before it began; ours ahead would begin it an hour later."""
    server = Alertmanager()
    server.headers = {"Date": format_datetime(NOW + timedelta(seconds=skew), usegmt=True)}

    begin(server)

    assert (server.posted[-1]["startsAt"], server.posted[-1]["endsAt"]) == (
        iso(begins),
        iso(begins + 15 * MINUTE),
    )


def test_a_lease_is_more_than_nothing_and_two_hours_at_most() -> None:
    assert check_lease(timedelta(hours=2)) == timedelta(hours=2)
    for lease in (timedelta(0), -MINUTE, timedelta(hours=2, seconds=1)):
        with pytest.raises(UsageError):
            check_lease(lease)


@pytest.mark.parametrize("pair", ["a", "a=", "=x", "a-b=x", "1a=x", "a=~cc.*", "alertname=Other"])
def test_a_matcher_that_is_not_exact_is_refused(pair: str) -> None:
    with pytest.raises(UsageError):
        parse_matchers("KafkaHighConsumerLag", [pair])


def test_a_silence_is_of_one_named_alert() -> None:
    for name in ("", " "):
        with pytest.raises(UsageError):
            parse_matchers(name, [])


def test_an_id_stands_alone_and_looks_like_one() -> None:
    check_ident("5b1f6f0e-1f2b-4a44-9d3c-2a8b7f1f9c11", ())
    for ident, pairs in (("nonsense", ()), ("5b1f6f0e-1f2b-4a44-9d3c-2a8b7f1f9c11", ("a=b",))):
        with pytest.raises(UsageError):
            check_ident(ident, pairs)


def test_a_value_may_hold_dots_equals_signs_and_blanks() -> None:
    found = parse_matchers("A", ["consumergroup=cc.a.b.dev", "_x=a=b c"])

    assert found == {"alertname": "A", "consumergroup": "cc.a.b.dev", "_x": "a=b c"}


def test_it_says_which_alerts_it_mutes() -> None:
    made = begin(Alertmanager())

    assert made.mutes(LAG | {"severity": "warning"})
    assert not made.mutes(LAG | {"consumergroup": "ccXaXbXdev"})
