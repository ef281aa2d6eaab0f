"""PromQL: what an expression reads, returns and compares, and texts that must not end the process."""

from __future__ import annotations

import pytest

from ccops.rules import promql

LAG = (
    'sum by (consumergroup, topic) (clamp_min(kafka_consumergroup_lag{job="kafka-exporter",'
    'consumergroup!~".*[.]replay"}, 0)) > 1000'
)
RATIO = '100 * sum(rate(a{r="x"}[5m])) / sum(rate(a[5m])) < 98 and sum(increase(a[10m])) >= 20'


def test_selectors_have_names_matchers_windows_and_offsets() -> None:
    found = promql.selectors(promql.parse('rate(a{b="c",d!~"e"}[5m] offset 1m) + {__name__="f"}'))
    assert found == (
        promql.Selector("a", (promql.Matcher("b", "=", "c"), promql.Matcher("d", "!~", "e")), 300.0, 60.0),
        promql.Selector("f", ()),
    )


def test_functions_and_aggregations_are_named_once_each() -> None:
    assert promql.functions(promql.parse(RATIO)) == ("sum", "rate", "increase")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1 + 2", "scalar"),
        ("time()", "scalar"),
        ("scalar(a) + 1", "scalar"),
        ('"a"', "string"),
        ("a[5m]", "matrix"),
        ("a[5m:1m]", "matrix"),
        ("a", "vector"),
        ("-a", "vector"),
        ("a > 1", "vector"),
        ("vector(1)", "vector"),
    ],
)
def test_the_type_of_the_result_follows_prometheus(text: str, kind: str) -> None:
    assert promql.result_type(promql.parse(text)) == kind


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("a", None),
        ("sum(a)", set()),
        ("sum by (x, y) (a)", {"x", "y"}),
        ("sum by (x) (a) > 1 and on () sum by (z) (b)", {"x"}),
        ("sum without (x) (a)", None),
        ("sum without (x) (sum by (x, y) (a))", {"y"}),
        ("sum by (z) (sum by (x, y) (a))", set()),
        ("topk(3, sum by (x) (a))", {"x"}),
        ('label_replace(sum(a), "n", "$1", "x", "(.*)")', {"n"}),
        ('absent(up{job="j", z=~"q"})', {"job"}),
        ('up{job="j"} == 0 or absent(up{job="j"})', None),
        ("histogram_quantile(0.9, sum by (le, x) (rate(a[5m])))", {"x"}),
        ("sum by (x, y) (a) / on (x) group_left (w) sum by (x) (b)", {"x", "y", "w"}),
        ("sum by (x, y) (a) / on (x) sum by (x) (b)", {"x"}),
        ("time() - max(a)", set()),
        ('count_values("v", a)', {"v"}),
    ],
)
def test_labels_of_a_result_are_at_most_these(text: str, labels: set[str] | None) -> None:
    assert promql.output_labels(promql.parse(text)) == (None if labels is None else frozenset(labels))


@pytest.mark.parametrize(
    ("text", "signal", "op", "value", "guards"),
    [
        ("a > 20", "a", ">", 20.0, ()),
        ("a < -0.5", "a", "<", -0.5, ()),
        ("(a > 20)", "a", ">", 20.0, ()),
        ("a > 1 and b >= 2", "a", ">", 1.0, ("and b >= 2",)),
        ("a > 1 and on () b >= 2 unless c", "a", ">", 1.0, ("and on () b >= 2", "unless c")),
        ("(sum  by(x)(a)) > 1", "sum by (x) (a)", ">", 1.0, ()),
    ],
)
def test_a_threshold_is_the_number_at_the_top_comparison(
    text: str, signal: str, op: str, value: float, guards: tuple[str, ...]
) -> None:
    assert promql.threshold_of(promql.parse(text)) == promql.Threshold(signal, op, value, guards)


@pytest.mark.parametrize("text", ["a", "a > b", "20 < a", "a > bool 2", "a == 0 or absent(a)", "a + 1"])
def test_an_expression_without_such_a_number_has_no_threshold(text: str) -> None:
    assert promql.threshold_of(promql.parse(text)) is None


def test_layout_makes_no_difference_to_the_pretty_form() -> None:
    one = promql.pretty(promql.parse("sum(a)by(x)>1"))
    assert one == promql.pretty(promql.parse("sum by (x)\n  (a)   > 1 # why"))
    assert one != promql.pretty(promql.parse("sum by (x) (a) > 2"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a >",
        "rate(a)",
        "a{b=~'('}",
        "[[ t ]]",
        "foo(a)",
        '{__name__=""}',
        'a{b="1" or c="2"}',
        "(" * 20_000 + "1" + ")" * 20_000,
        "-" * 50_000 + "a",
        "-" * 900 + "a",
        "1" + "+1" * 5_000,
        "abs(" * 300 + "a" + ")" * 300,
        "a\x00",
        "\ud800",
    ],
)
def test_what_is_no_promql_is_an_error_and_never_the_end_of_the_process(text: str) -> None:
    with pytest.raises(promql.PromqlError):
        promql.parse(text)


def test_a_long_but_flat_expression_is_read() -> None:
    assert len(promql.selectors(promql.parse(" or ".join(f"metric_{i}" for i in range(100))))) == 100
    assert promql.output_labels(promql.parse(LAG)) == {"consumergroup", "topic"}
