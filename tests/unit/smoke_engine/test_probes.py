"""What probes make of questions and answers, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from ccops.smoke.probes.base import Look, Observation, brief, narrowed, plain, row_evidence
from ccops.smoke.probes.prom import PromProbe, Reading, parse_samples
from ccops.smoke.probes.sql import named
from ccops.smoke.watchers_ws import Numbering


@pytest.mark.parametrize(
    ("query", "text", "names"),
    [
        ("select 1 where a = :uid and b = :uid", "select 1 where a = %(uid)s and b = %(uid)s", ("uid",)),
        ("select x::text from t where y = :trace", "select x::text from t where y = %(trace)s", ("trace",)),
        ("select ':no' || \"a:b\" || :yes", "select ':no' || \"a:b\" || %(yes)s", ("yes",)),
        (
            "select 'it''s :no' -- :no\n, :yes /* :no */",
            "select 'it''s :no' -- :no\n, %(yes)s /* :no */",
            ("yes",),
        ),
        (
            "select 1 where n like 'a%' and m % 2 = :k",
            "select 1 where n like 'a%%' and m %% 2 = %(k)s",
            ("k",),
        ),
        ("select $$ :no $$, $q$ :no $q$, :yes", "select $$ :no $$, $q$ :no $q$, %(yes)s", ("yes",)),
        ("select '%(trace)s'", "select '%%(trace)s'", ()),
    ],
)
def test_only_real_parameters_become_parameters(query: str, text: str, names: tuple[str, ...]) -> None:
    assert named(query) == (text, names)


def test_rows_become_json() -> None:
    event = UUID("11111111-2222-3333-4444-555555555555")
    row = {
        "a": Decimal("3"),
        "b": Decimal("1.5"),
        "c": event,
        "d": datetime(2026, 1, 2, tzinfo=UTC),
        "e": b"\x01",
    }

    assert plain(row) == {"a": 3, "b": 1.5, "c": str(event), "d": "2026-01-02T00:00:00+00:00", "e": "01"}


def test_evidence_names_the_row() -> None:
    assert row_evidence({"id": 4, "n": 1}, "select id, n from gold_ledger where x", 1) == "gold_ledger:id=4"
    assert row_evidence({"n": 1}, "select count(*) n FROM users", 1) == "users:row 1"
    nested = "SELECT u.id, (SELECT sum(delta) FROM gold_ledger WHERE f(user_id) = u.id) FROM users u"
    assert row_evidence({"id": 2}, nested, 1) == "users:id=2"


def test_by_narrows_by_nested_fields_and_forgives_text_numbers() -> None:
    found = [Observation({"key": "41", "value": {"user_id": 41}}, "a"), Observation({"key": "42"}, "b")]

    assert [one.evidence for one in narrowed(found, {"key": 41})] == ["a"]
    assert [one.evidence for one in narrowed(found, {"value.user_id": 41})] == ["a"]
    assert len(narrowed(found, None)) == 2


def test_a_secret_is_masked_before_it_is_cut() -> None:
    assert "hunter" not in brief(
        {"token": "hunter2-hunter2"}, 20, lambda text: text.replace("hunter2-hunter2", "***")
    )


METRICS = """\
# TYPE buys_total counter
buys_total{product="item",note="a \\"b\\" {c}"} 3
buys_total{product="pack",note=""} 4 1700000000
buys_totality 9
plain 2.5
"""


def test_metric_text_is_summed_over_the_series_with_the_labels() -> None:
    assert parse_samples(METRICS, "buys_total", {}) == Reading(7.0, 2)
    assert parse_samples(METRICS, "buys_total", {"product": "item"}) == Reading(3.0, 1)
    assert parse_samples(METRICS, "buys_total", {"product": "none"}) == Reading(0.0, 0)
    assert parse_samples(METRICS, "plain", {}) == Reading(2.5, 1)


class Values:
    def __init__(self, label: str, *values: float) -> None:
        self.label, self.values = label, list(values)

    async def read(self, metric: str, labels: Mapping[str, str]) -> Reading:
        value = self.values.pop(0) if len(self.values) > 1 else self.values[0]
        return Reading(value, 1)


def delta(probe: PromProbe, scrape: str = "auto") -> tuple[object, str]:
    async def run() -> tuple[object, str]:
        source = {"metric": "buys_total", "scrape": scrape}
        base = await probe.baseline(source)
        found = await probe.observe(Look(source, baseline=base))
        return found[0].data["delta"], found[0].evidence

    return asyncio.run(run())


def test_the_delta_counts_from_just_before_the_act_and_says_who_was_asked() -> None:
    backend, worker = Values("backend", 10, 12), Values("worker", 1, 1)

    assert delta(PromProbe({"backend": backend, "worker": worker})) == (
        2,
        "backend+worker /metrics: buys_total 11→13",
    )


def test_a_restarted_process_counts_from_zero() -> None:
    assert delta(PromProbe({"backend": Values("backend", 10, 3)}))[0] == 3


def test_prometheus_that_has_not_scraped_yet_is_no_reset() -> None:
    server = Values("prometheus", 8)
    value, evidence = delta(PromProbe({"backend": Values("backend", 10, 11)}, server))

    assert value == 0
    assert evidence.startswith("prometheus: ")


def test_prometheus_is_held_against_a_fresh_baseline() -> None:
    server = Values("prometheus", 11)

    assert delta(PromProbe({"backend": Values("backend", 10)}, server))[0] == 1


def test_a_chosen_process_is_read_directly_even_if_prometheus_runs() -> None:
    probe = PromProbe(
        {"backend": Values("backend", 1, 2), "worker": Values("worker", 5)}, Values("prometheus", 9)
    )

    assert delta(probe, "backend") == (1, "backend /metrics: buys_total 1→2")


def test_holes_and_repeats_in_the_numbering_are_seen() -> None:
    numbering = Numbering()
    numbering.restart("e1", 4)

    assert numbering.judge("e1", 5) is None
    assert numbering.judge("e1", 8) == {"type": "watch_gap", "missing": [6, 7], "seq": 8, "last": 5}
    assert numbering.judge("e1", 8) == {"type": "watch_duplicate", "seq": 8, "last": 8}
    assert numbering.judge("e2", 1) is None
    assert numbering.judge("e2", 2) is None
