"""`ccops rules check` beside promtool on the same files, in turns, whole processes."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tests.bench.figures import Figure, figure
from tests.bench.machine import BenchFailed, Timed, ccops, checked, clean_env, timed
from tests.bench.plan import Context

RULES = 5000
RATIO_TARGET = 2.0
SHIPPED_TARGET_S, SHIPPED_WITH_PROMTOOL_S = 0.4, 0.6
_JOB = 'job="cc-webapp-backend"'
# Shapes of the shipped set; each rule has a threshold of its own, so that no expression is read twice.
_BUCKETS = f"rate(http_request_duration_seconds_bucket{{{_JOB}}}[5m])"
_SHAPES = (
    f'sum by (flow) (increase(purchase_attempt_total{{{_JOB},result="pending"}}[5m]))',
    f"sum(increase(auth_login_locked_total{{{_JOB}}}[10m]))",
    f"sum by (type) (rate(realtime_events_sent_total{{{_JOB}}}[5m]))",
    f"max by (flow) (purchase_pending{{{_JOB}}})",
    f"1000 * histogram_quantile(0.95, sum by (le) ({_BUCKETS}))",
)


def rules_file(count: int = RULES) -> str:
    """Return `count` groups of one alert each, about 330 bytes a rule, which nobody finds fault with."""
    lines = ["groups:"]
    for number in range(count):
        expr = f"{_SHAPES[number % len(_SHAPES)]} > {number + 1}"
        lines += (
            f"  - name: group-{number}",
            "    rules:",
            f"      - alert: Alert{number}",
            f"        expr: {expr}",
            "        for: 2m",
            "        labels: {severity: warning, service: shop}",
            "        annotations:",
            f'          summary: "{{{{ $value | humanize }}}} is more than {number + 1}"',
            f"          runbook_url: https://example.org/runbooks#alert{number}",
        )
    return "\n".join(lines) + "\n"


def bench(context: Context) -> list[Figure]:
    """Time layer A on 5,000 rules against promtool, and the shipped set with and without it."""
    promtool = shutil.which("promtool")
    if promtool is None:
        raise BenchFailed("promtool is not installed")
    text = rules_file()
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        home, path = Path(folder), Path(folder) / "rules.yml"
        path.write_text(text, encoding="utf-8")
        judge = ("rules", "check", str(path), "--promtool", "off")
        checked(ccops(*judge, home=home), "ccops rules check")  # fills the bytecode cache
        for _ in range(context.runs):
            theirs.append(_promtool(promtool, path))
            ours.append(checked(ccops(*judge, home=home), "ccops rules check"))
            context.say(f"5000 rules: ccops {ours[-1].seconds:.2f} s, promtool {theirs[-1].seconds:.2f} s")
        alone, both = [
            [
                checked(ccops("rules", "check", "--promtool", mode, home=home), "rules check").seconds
                for _ in ours
            ]
            for mode in ("off", "require")
        ]
    pairs = list(zip(ours, theirs, strict=True))
    what = f"{RULES:,} rules in as many groups, {len(text) / 1e6:.1f} MB, {len(pairs)} pairs in turns"
    walls = [one.seconds / other.seconds for one, other in pairs]
    work = [one.cpu_s / other.cpu_s for one, other in pairs]
    return [
        figure(
            "rules check / promtool",
            "x",
            walls,
            f"{what}; wall",
            target=RATIO_TARGET,
            key="rules_check_ratio",
        ),
        figure("the same in CPU time", "x", work, "the same pairs; promtool collects garbage on other cores"),
        figure("rules check, 5,000 rules", "s", [one.seconds for one in ours], "whole process, layer A"),
        figure("promtool, 5,000 rules", "s", [one.seconds for one in theirs], "check rules --lint-fatal"),
        figure("rules check, shipped set", "s", alone, "layer A only", target=SHIPPED_TARGET_S),
        figure("the same with promtool", "s", both, "both layers", target=SHIPPED_WITH_PROMTOOL_S),
    ]


def _promtool(promtool: str, path: Path) -> Timed:
    return checked(timed([promtool, "check", "rules", "--lint-fatal", str(path)], clean_env()), "promtool")
