"""A profile finds what is missing, and only that."""

import pytest

from ccops.core.bundle import packaged_contract
from ccops.core.errors import UsageError
from ccops.core.exposition import parse
from ccops.monitor.metrics import wish_of
from ccops.monitor.profiles import PROFILES, SEED, Declared, MetricProfile, declared, verify

CONTRACT = {
    "hits_total": Declared("hits_total", "counter", {"flow": ("a", "b"), "result": ("ok", "bad")}),
    "lag_ms": Declared("lag_ms", "histogram", {"type": ("x",)}),
    "http_total": Declared("http_total", "counter", {"handler": None, "status": None}),
}
WANTED = MetricProfile("test", "", tuple(CONTRACT))
GOOD = """\
# TYPE hits_total counter
hits_total{flow="a",result="ok"} 0
hits_total{flow="a",result="bad"} 0
hits_total{flow="b",result="ok"} 0
hits_total{flow="b",result="bad"} 0
# TYPE lag_ms histogram
lag_ms_bucket{type="x",le="+Inf"} 0
lag_ms_count{type="x"} 0
lag_ms_sum{type="x"} 0
# TYPE http_total counter
http_total{handler="/x",status="200"} 1
"""


def codes(text: str) -> list[str]:
    return [issue.code for issue in verify(WANTED, CONTRACT, {"one": parse(text)})[1]]


def test_what_is_all_there_has_no_issue() -> None:
    assert codes(GOOD) == []
    assert codes(GOOD.replace('http_total{handler="/x",status="200"} 1\n', "")) == []  # no request yet


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("# TYPE hits_total counter", "# TYPE other_total counter", "METRIC_MISSING"),
        ("# TYPE hits_total counter", "# TYPE hits_total gauge", "METRIC_TYPE"),
        ('hits_total{flow="b",result="bad"} 0\n', "", "METRIC_CHILD_MISSING"),
        ('{flow="b",result="bad"}', '{flow="b",result="odd"}', "METRIC_LABEL_VALUE"),
        ('{handler="/x",status="200"}', '{handler="/x"}', "METRIC_LABELS"),
        ('lag_ms_count{type="x"} 0\n', "", "METRIC_CHILD_MISSING"),
    ],
)
def test_each_kind_of_defect_is_named(old: str, new: str, code: str) -> None:
    assert old in GOOD
    assert code in codes(GOOD.replace(old, new))


def test_processes_may_share_the_children_among_them() -> None:
    first, second = GOOD.split("# TYPE lag_ms")
    scrapes = {"backend": parse(first), "worker": parse("# TYPE lag_ms" + second)}
    assert verify(WANTED, CONTRACT, scrapes)[1] == []


def test_a_metric_that_the_contract_forgot_is_told() -> None:
    wanted = MetricProfile("test", "", ("gone_total",))
    assert [one.code for one in verify(wanted, CONTRACT, {})[1]] == ["METRIC_UNDECLARED"]


def test_the_bundled_contract_has_what_the_seed_names() -> None:
    contract = declared(packaged_contract(), "dev")
    assert set(SEED) <= set(contract)
    assert contract["game_events_published_total"].labels["topic"] is not None
    assert all("{env}" not in one for one in contract["game_events_published_total"].labels["topic"] or ())
    for profile in PROFILES.values():
        assert set(profile.metrics) <= set(contract)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ({"profile": "cor"}, "METRICS_PROFILE_UNKNOWN"),
        ({"profile": "", "deltas": ["a >= 1"]}, "METRICS_OPTIONS"),
        ({"profile": "core", "command": "true"}, "METRICS_OPTIONS"),
        ({"profile": "core", "restart": True}, "METRICS_OPTIONS"),
        ({"profile": "", "deltas": ["a >= 1"], "command": "'"}, "METRICS_COMMAND_INVALID"),
        ({"profile": "", "deltas": ["a"], "command": "true"}, "METRIC_DELTA_INVALID"),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_anything_runs(
    call: dict[str, object], code: str
) -> None:
    with pytest.raises(UsageError) as caught:
        wish_of(**call)  # type: ignore[arg-type]
    assert caught.value.code == code


def test_core_is_what_is_verified_when_nothing_is_said() -> None:
    assert wish_of("").profile is PROFILES["core"]
    assert wish_of("", ["a >= 1"], "true").profile is None
