"""A wish for growth is read strictly and judged over all processes."""

import pytest

from ccops.core.errors import UsageError
from ccops.core.exposition import parse
from ccops.monitor.counting import Growths
from ccops.monitor.wanted import parse_delta

BEFORE = '# TYPE ws_total counter\nws_total{result="accepted"} 0\nws_total{result="rejected"} 4\n'
AFTER = '# TYPE ws_total counter\nws_total{result="accepted"} 2\nws_total{result="rejected"} 5\n'


def growths() -> Growths:
    made = Growths()
    made.feed({"backend": parse(BEFORE), "worker": parse(BEFORE)})
    made.feed({"backend": parse(AFTER), "worker": parse(BEFORE)})
    return made


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('ws_total{result="accepted"}>=2', True),
        ('ws_total{result="accepted"}>2', False),
        ("ws_total{result='accepted'} == 2", True),
        ("ws_total == 3", True),
        ("ws_total{} != 3", False),
        ('ws_total{result=~"acc.*"} <= 2', True),
        ('ws_total{result=~"acc"} <= 2', False),  # a whole match or none: no series, never green
        ('ws_total{result!~"acc.*"} == 1', True),
        ('ws_total{result!="accepted",other=""} < 1.5', True),
        ('ws_total{result="maybe"} == 0', False),
        ("wz_total == 0", False),
    ],
)
def test_a_delta_is_judged_over_the_series_that_match(text: str, holds: bool) -> None:
    assert parse_delta(text).judge(growths()).holds is holds


@pytest.mark.parametrize(
    "text", ["", "ws_total", "ws_total 1", "ws_total >= x", "ws_total => 1", "ws_total{a=b} >= 1",
             'ws_total{a="b" >= 1', 'ws_total{a=~"("} >= 1', 'ws_total{a="b"c="d"} >= 1', "rate(x[5m]) >= 1"],
)  # fmt: skip
def test_what_is_no_delta_is_a_usage_error_that_shows_the_form(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_delta(text)
    assert caught.value.code == "METRIC_DELTA_INVALID"
    assert ">= 1" in caught.value.next_step


def test_growth_is_told_by_endpoint() -> None:
    judged = parse_delta("ws_total >= 1").judge(growths())
    assert judged.by_place == {"backend": 3, "worker": 0}
    assert (judged.series, judged.grown) == (4, 3)
