"""Probe files of the check: each harmful one with the code it must get, and a near miss that must pass.

Every probe is rendered from a template, so that a test can ask for the template's line and for the variable.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ccops.rules.catalogue import load_catalogue
from ccops.rules.check import Checked, Demands, Settings, Target, check_rendered
from ccops.rules.inventory import Inventory
from ccops.rules.render import RenderedSet
from ccops.rules.templating import RenderedFile, render_text

# The comment makes the lines of the template differ from those of the rendered text.
TEMPLATE = """<# what
   stands
   here
   does
   not
   come
   out #>
groups:
  - name: probe
    rules:
      - alert: Probe
        expr: |
          sum by (flow) (increase(purchase_attempt_total{result="pending"}[5m]))
          > << ALERT_T >>
        for: << ALERT_FOR >>
        labels:
          severity: warning
          service: shop
          team: << ALERT_TEAM >>
        annotations:
          summary: '<< ALERT_SUMMARY >>'
          runbook_url: https://example.org/runbooks.md#probe
"""
PLAIN = {"ALERT_T": "20", "ALERT_FOR": "2m", "ALERT_TEAM": "shop", "ALERT_SUMMARY": "too many"}
# The whole expression is the variable: for what is wrong with more than the threshold.
EXPRESSION = TEMPLATE.replace(
    """          sum by (flow) (increase(purchase_attempt_total{result="pending"}[5m]))
          > << ALERT_T >>
""",
    "          << ALERT_EXPR >>\n",
)
QUOTED = TEMPLATE.replace("expr: |\n", "expr: << ALERT_EXPR >>\n").replace(
    """          sum by (flow) (increase(purchase_attempt_total{result="pending"}[5m]))
          > << ALERT_T >>
""",
    "",
)
_PENDING = 'sum by (flow) (increase(purchase_attempt_total{result="pending"}[5m]))'
_ALL = "sum(increase(purchase_attempt_total[5m]))"
_FAILED = 'sum(increase(purchase_attempt_total{result="fail"}[5m]))'
_GUARD = f" and on () {_ALL} >= 20"
_BUCKETS = "rate(realtime_event_lag_ms_bucket[5m])"


@dataclass(frozen=True, slots=True)
class Probe:
    """One value in one variable: `code` it must be refused with, and `near`, which must pass."""

    variable: str
    value: str
    code: str
    near: str
    target: Target = Target.V2_42
    near_target: Target = Target.V2_42
    template: str = TEMPLATE


def _threshold(value: str, code: str, near: str) -> Probe:
    return Probe("ALERT_T", value, code, near)


def _expr(value: str, code: str, near: str, template: str = EXPRESSION) -> Probe:
    return Probe("ALERT_EXPR", value, code, near, template=template)


# Rows of the matrix of broken files which promtool 2.42 and 3.5 let through.
LET_THROUGH: dict[str, Probe] = {
    "label aggregated away": Probe(
        "ALERT_SUMMARY", "{{ $labels.reason }}", "RULE_TEMPLATE_LABEL", "{{ $labels.flow }}"
    ),
    "label of the rule in a text": Probe(
        "ALERT_SUMMARY", "{{ $labels.severity }}", "RULE_TEMPLATE_LABEL", "{{ $value }}"
    ),
    "label alertname": Probe(
        "ALERT_TEAM",
        "shop\n          alertname: other",
        "RULE_LABEL_NAME",
        "shop\n          alert_name: other",
    ),
    "nan": _threshold("NaN", "RULE_NUMBER", "20"),
    "endless": _threshold("+Inf", "RULE_NUMBER", "1e3"),
    "octal": _threshold("020", "RULE_NUMBER", "0x14"),
    "out of range": _threshold("1e400", "RULE_NUMBER", "1e4"),
    "true": _threshold("true", "RULE_SERIES_UNKNOWN", "1"),
    "None": _threshold("None", "RULE_SERIES_UNKNOWN", "0"),
    "bare word": _threshold("twenty", "RULE_SERIES_UNKNOWN", "20"),
    "injection": _threshold("20 or vector(1)", "RULE_EXPR_CONSTANT", "20 # or vector(1)"),
    "a rule in a value": _threshold(
        "20\n      - alert: Extra\n        expr: up == 0", "RULE_BROUGHT_BY_VALUE", "20\n          * 2"
    ),
    "yaml boolean": _expr("yes", "RULE_EXPR_TYPE", "up == 0", QUOTED),
    "yaml number": _expr("20", "RULE_EXPR_TYPE", "'up == 0'", QUOTED),
    "a number": _expr("20", "RULE_EXPR_CONSTANT", "up < 1"),
    "a text": _expr('"up"', "RULE_EXPR_TYPE", "up == 0"),
    "a range": _expr("up[5m]", "RULE_EXPR_TYPE", "avg_over_time(up[5m]) < 1"),
    "a bare selector": _expr("purchase_pending", "RULE_NO_COMPARISON", "purchase_pending > 5"),
    "bool": _expr("purchase_pending > bool 5", "RULE_NO_COMPARISON", "(purchase_pending > bool 5) == 1"),
    "label yes": Probe("ALERT_TEAM", "yes", "RULE_LABEL_VALUE", '"yes"'),
    "label true": Probe("ALERT_TEAM", "true", "RULE_LABEL_VALUE", "truth"),
    "label 1": Probe("ALERT_TEAM", "1", "RULE_LABEL_VALUE", "'1'"),
    "label null": Probe("ALERT_TEAM", "null", "RULE_LABEL_VALUE", "nullable"),
    "value in a label": Probe("ALERT_TEAM", '"{{ $value }}"', "RULE_LABEL_TEMPLATE", '"{{ $labels.flow }}"'),
    "quantile 95": _expr(
        f"histogram_quantile(95, sum by (le) ({_BUCKETS})) > 500",
        "RULE_QUANTILE",
        f"histogram_quantile(0.95, sum by (le) ({_BUCKETS})) > 500",
    ),
    "quantile without le": _expr(
        f"histogram_quantile(0.95, sum by (type) ({_BUCKETS})) > 500",
        "RULE_QUANTILE",
        f"histogram_quantile(0.95, sum by (le, type) ({_BUCKETS})) > 500",
    ),
    "matching what is gone": _expr(
        "sum(purchase_pending) / on (job) sum(up) > 5",
        "RULE_MATCHING",
        "sum by (job) (purchase_pending) / on (job) sum by (job) (up) > 5",
    ),
    "raw counter": _expr(
        "purchase_attempt_total > 5", "RULE_RAW_COUNTER", "increase(purchase_attempt_total[5m]) > 5"
    ),
}
# What promtool refuses too, and what nobody but us looks at.
OTHERS: dict[str, Probe] = {
    **{
        f"for {text}": Probe("ALERT_FOR", text, "RULE_DURATION", near)
        for text, near in {
            "5min": "5m",
            "300": "300s",
            "-5m": "5m",
            "1h30": "1h",
            "1.5h": "90m",
            "30m1h": "1h30m",
        }.items()
    },
    "for too long": Probe("ALERT_FOR", "25h", "RULE_FOR", "24h"),
    "absent at once": Probe(
        "ALERT_FOR",
        "0",
        "RULE_FOR",
        "1m",
        template=TEMPLATE.replace(
            "          > << ALERT_T >>\n", "          > 5 or absent(purchase_pending)\n"
        ),
    ),
    "for twice": Probe(
        "ALERT_FOR", "2m\n        for: 0s", "RULE_DUPLICATE_KEY", "2m\n        keep_firing_for: 5m"
    ),
    "nothing": _threshold("", "RULE_EXPR", "0"),
    "thousands": _threshold("1,000", "RULE_EXPR", "1000"),
    "comma": _threshold("0,5", "RULE_EXPR", "0.5"),
    "percent": _threshold("98%", "RULE_EXPR", "98"),
    "text": _threshold('"20"', "RULE_EXPR", "20"),
    "left over": _threshold("${LIMIT}", "RULE_LEFTOVER", "20"),
    "left over brackets": _threshold("[[ limit ]]", "RULE_LEFTOVER", "20"),
    "duration as number": Probe("ALERT_T", "20ms", "RULE_TARGET", "20ms", near_target=Target.V3),
    "unknown function": _expr("fire(up)", "RULE_EXPR", "abs(up) > 1"),
    "flagged function": _expr(
        "mad_over_time(purchase_pending[5m]) > 1", "RULE_TARGET", "max_over_time(purchase_pending[5m]) > 1"
    ),
    "removed function": Probe(
        "ALERT_EXPR",
        "holt_winters(purchase_pending[5m], 0.5, 0.5) > 1",
        "RULE_TARGET",
        "holt_winters(purchase_pending[5m], 0.5, 0.5) > 1",
        target=Target.V3,
        template=EXPRESSION,
    ),
    "quoted metric": Probe(
        "ALERT_EXPR",
        '{"up"} == 0',
        "RULE_TARGET",
        '{"up"} == 0',
        near_target=Target.V2_53,
        template=EXPRESSION,
    ),
    "quoted grouping": Probe(
        "ALERT_EXPR",
        'sum by ("job") (increase(purchase_attempt_total[5m])) > 20',
        "RULE_TARGET",
        'sum by ("job") (increase(purchase_attempt_total[5m])) > 20',
        target=Target.V2_53,
        near_target=Target.V3,
        template=EXPRESSION,
    ),
    "window without unit": Probe(
        "ALERT_EXPR",
        "avg_over_time(up[300]) < 1",
        "RULE_TARGET",
        "avg_over_time(up[300]) < 1",
        near_target=Target.V3,
        template=EXPRESSION,
    ),
    "range missing": _expr("rate(up)", "RULE_EXPR", "up < 1"),
    "bad regex": _expr('up{job=~"a("} == 0', "RULE_EXPR", 'up{job=~"cc-.+"} == 0'),
    "set operator with a number": _expr("up == 0 or 1", "RULE_EXPR", "up == 0 or purchase_pending > 1"),
    "always there": _expr("up == 0 or vector(1)", "RULE_EXPR_CONSTANT", "up == 0 or absent(up)"),
    "series misspelt": _expr("purchase_pendin > 5", "RULE_SERIES_UNKNOWN", "purchase_pending > 5"),
    "histogram itself": _expr(
        "realtime_event_lag_ms > 5", "RULE_SERIES_UNKNOWN", "rate(realtime_event_lag_ms_sum[5m]) > 5"
    ),
    "label misspelt": _expr(
        'purchase_pending{flw="item"} > 5', "RULE_LABEL_UNKNOWN", 'purchase_pending{flow="item"} > 5'
    ),
    "value misspelt": _expr(
        'purchase_pending{flow="itm"} > 5', "RULE_VALUE_UNKNOWN", 'purchase_pending{flow=~"it.+"} > 5'
    ),
    "pattern of nothing": _expr(
        'purchase_pending{flow=~"ite"} > 5', "RULE_VALUE_UNKNOWN", 'purchase_pending{flow=~"ite|item"} > 5'
    ),
    "left out nothing": _expr(
        'purchase_pending{flow!="itm"} > 5', "RULE_VALUE_UNKNOWN", 'purchase_pending{flow!="item"} > 5'
    ),
    "job misspelt": _expr(
        'up{job="kafka-exportr"} == 0', "RULE_VALUE_UNKNOWN", 'up{job="kafka-exporter"} == 0'
    ),
    "grouped by nothing": _expr(
        "sum by (flw) (purchase_pending) > 5", "RULE_LABEL_UNKNOWN", "sum by (flow) (purchase_pending) > 5"
    ),
    "rate of a gauge": _expr(
        "rate(purchase_pending[5m]) > 5", "RULE_FUNCTION_TYPE", "delta(purchase_pending[5m]) > 5"
    ),
    "delta of a counter": _expr(
        "delta(purchase_attempt_total[5m]) > 5", "RULE_FUNCTION_TYPE", "rate(purchase_attempt_total[5m]) > 5"
    ),
    "rate of a sum": _expr(
        "rate(sum(purchase_attempt_total)[5m:1m]) > 5",
        "RULE_FUNCTION_TYPE",
        "max_over_time(sum(rate(purchase_attempt_total[5m]))[5m:1m]) > 5",
    ),
    "window of three scrapes": _expr(
        "increase(purchase_attempt_total[59s]) > 5",
        "RULE_RANGE_SHORT",
        "increase(purchase_attempt_total[1m]) > 5",
    ),
    "other labels left and right": _expr(
        "sum by (flow) (purchase_pending) > sum by (job) (up)",
        "RULE_MATCHING",
        "sum by (flow) (purchase_pending) > on () group_left () sum(up)",
    ),
    "no volume": _expr(
        f"{_FAILED} / {_ALL} > 0.5", "RULE_NO_VOLUME_GUARD", f"{_FAILED} / {_ALL} > 0.5{_GUARD}"
    ),
    "ratio above one": _expr(
        f"{_FAILED} / {_ALL} > 1{_GUARD}", "RULE_NEVER_FIRES", f"{_FAILED} / {_ALL} > 0.99{_GUARD}"
    ),
    "percent above a hundred": _expr(
        f"100 * {_FAILED} / {_ALL} > 100{_GUARD}",
        "RULE_NEVER_FIRES",
        f"100 * {_FAILED} / {_ALL} > 99.9{_GUARD}",
    ),
    "count below zero": _expr(f"{_ALL} < 0", "RULE_NEVER_FIRES", f"{_ALL} < 1"),
    "count above minus one": _threshold("-1", "RULE_ALWAYS_FIRES", "0"),
    "unclosed": Probe("ALERT_SUMMARY", "{{ $value", "RULE_TEMPLATE", "{{ $value }}"),
    "humanise": Probe("ALERT_SUMMARY", "{{ humanise $value }}", "RULE_TEMPLATE", "{{ humanize $value }}"),
    "$label": Probe("ALERT_SUMMARY", "{{ $label.flow }}", "RULE_TEMPLATE", "{{ $labels.flow }}"),
    "label dashed": Probe(
        "ALERT_TEAM",
        "shop\n          my-label: x",
        "RULE_LABEL_NAME",
        "shop\n          my-label: x",
        near_target=Target.V3,
    ),
    "label __name__": Probe(
        "ALERT_TEAM", "shop\n          __name__: x", "RULE_LABEL_NAME", "shop\n          name: x"
    ),
    "label list": Probe("ALERT_TEAM", "[shop]", "RULE_FIELD_TYPE", "'[shop]'"),
    "tab": Probe("ALERT_TEAM", "shop\n\t  x: z", "RULE_YAML", "shop\n          x: z"),
}
PROBES = {**LET_THROUGH, **OTHERS}
# Odd, and fine: Prometheus reads them as they look. They are held against a gauge, which may be negative.
HARMLESS: dict[str, tuple[str, str]] = {
    "for 0": ("ALERT_FOR", "0"),
    "for in two units": ("ALERT_FOR", "1h30m"),
    "hex": ("ALERT_T", "0x14"),
    "exponent": ("ALERT_T", "1e3"),
    "below zero": ("ALERT_T", "-5"),
    "twice negative": ("ALERT_T", "--5"),
    "bare point": ("ALERT_T", "5."),
    "comment": ("ALERT_T", "20 # prod: 30"),
    "korean": ("ALERT_SUMMARY", "결제 대기가 {{ $value }} 건"),
    "other template words": ("ALERT_SUMMARY", '{{ printf "%.1f" $value }} {{ if gt $value 5.0 }}!{{ end }}'),
}


@cache
def settings(target: Target = Target.V2_42) -> Settings:
    """The bundled catalogue, and one runbook anchor."""
    return Settings(load_catalogue(env="dev"), target, Demands(anchors=frozenset({"probe"})))


def rendered(template: str, values: dict[str, str]) -> RenderedFile:
    """Render a template with values as texts, as no environment file could: that is what is being tested."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "probe.yml.j2").write_text(template, encoding="utf-8")
        return render_text(
            Path(folder), "probe.yml.j2", {**PLAIN, **values}, header=lambda name: f"# {name}\n"
        )


def of_probe(probe: Probe, *, near: bool = False) -> RenderedFile:
    return rendered(probe.template, {probe.variable: probe.near if near else probe.value})


def judged(file: RenderedFile, target: Target = Target.V2_42) -> Checked:
    return check_rendered(RenderedSet("dev", (file,), Inventory((), ())), settings(target))


def line_in(template: str, variable: str) -> int:
    """Return the line of the template in which a variable is used."""
    return next(at for at, line in enumerate(template.split("\n"), 1) if f"<< {variable} >>" in line)
