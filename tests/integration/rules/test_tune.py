"""`rules tune` on real servers: promtool judges the state machine, Prometheus holds two weeks of past."""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from ccops.core.profile import find_project, load_profile
from ccops.rules.project import rule_set
from ccops.rules.tune.model import Condition, Series, Window
from ccops.rules.tune.replay import episodes
from tests.conftest import ROOT, Ran, run_ccops
from tests.prom_kit import openmetrics, prometheus, unit_test
from tests.tune_kit import GAP, STEP, incident_spans, signal, with_incidents
from tests.tune_kit import WINDOW as MADE

RULES = "groups: [{{name: g, interval: 30s, rules: [{rules}]}}]\n"
LABELS = '{job="cc-webapp-backend",flow="gold",result="pending"}'


@pytest.mark.parametrize("seed", [1, 2])
def test_promtool_sees_every_episode_where_the_replay_does(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    size, holds, keeps = 80, (0, 30, 60, 120), (0, 30, 90)
    rules, series, expected = [], {}, []
    for number, (hold, keep) in enumerate((hold, keep) for hold in holds for keep in keeps):
        hot, level = [], rng.random() < 0.5
        for index in range(size):
            level = not level if rng.random() < 0.3 else level
            if level:
                hot.append(index)
        # Half of the false ones are missing: a rule sees no difference.
        values = ["5" if at in hot else rng.choice(("1", "_")) for at in range(size)]
        series[f'x{{n="{number}"}}'] = " ".join(values)
        kept = f", keep_firing_for: {keep}s" if keep else ""
        # A gap would be filled by the last value for five minutes; the newest sample alone has none.
        expr = f"last_over_time(x{{n='{number}'}}[29s]) > 3"
        rules.append(f'{{alert: A{number}, expr: "{expr}", for: {hold}s{kept}}}')
        window = Window(0, (size - 1) * STEP, STEP)
        found = episodes(Series({}, range(size), [0.0] * size), hot, Condition(">", hold, keep), window)
        firing = {at for one in found for at in range(one.first, one.last)}
        expected += [_expectation(number, at, at in firing) for at in range(size)]
    path = tmp_path / "rules.yml"
    path.write_text(RULES.format(rules=", ".join(rules)), encoding="utf-8")
    assert unit_test(path, tmp_path, series, expected) == ""
    wrong = [_expectation(0, 1, not expected[1]["exp_alerts"])]
    assert "FAILED" in unit_test(path, tmp_path, series, wrong)


def _expectation(number: int, at: int, firing: bool) -> dict[str, object]:
    alerts = [{"exp_labels": {"n": str(number)}}] if firing else []
    return {"eval_time": f"{at * STEP}s", "alertname": f"A{number}", "exp_alerts": alerts}


@dataclass(frozen=True)
class Past:
    """A Prometheus whose past ends now, with the rules of dev loaded."""

    url: str
    shift: int

    def tune(self, *args: str) -> Ran:
        call = ["rules", "tune", "--prom", self.url, "--step", "30s", "--rule", "PurchasePendingSpike", *args]
        return run_ccops(*call, timeout=60)

    def query(self, text: str) -> list[dict]:
        window = {"start": MADE.start + self.shift, "end": MADE.end + self.shift, "step": 120}
        form = {"query": text, **{key: str(value) for key, value in window.items()}}
        answer = httpx.post(f"{self.url}/api/v1/query_range", data=form, timeout=20, trust_env=False)
        return answer.json()["data"]["result"]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """Two weeks of payments that began to wait: the signal of the unit tests as a counter."""
    shift = int(time.time()) // STEP * STEP - STEP - MADE.end
    values = with_incidents(signal(7))
    rng = random.Random(7)
    total, samples, reset = 0.0, [], MADE.size // 2
    for index, value in enumerate(values):
        if GAP[0] <= index < GAP[1]:
            continue
        total = 0.0 if index == reset else total
        total += int(value / 10) + (rng.random() < value / 10 % 1)
        samples.append((MADE.at(index) + shift, total))
    text = openmetrics({"purchase_attempt": "counter"}, {f"purchase_attempt_total{LABELS}": samples})
    rendered = rule_set(load_profile("dev", find_project(ROOT), {})).rendered
    rules = {file.name: file.text for file in rendered.files}
    with prometheus(tmp_path_factory.mktemp("prometheus"), text, rules) as url:
        yield Past(url, shift)


def test_a_shipped_rule_is_tuned_on_two_weeks_of_a_real_server(past: Past, tmp_path: Path) -> None:
    saved = tmp_path / "history.json"
    ran = past.tune("--env", "staging", "-o", "json", "--save", str(saved))
    assert ran.code == 0, ran.out + ran.err
    (found,) = json.loads(ran.out)["data"]["proposals"]
    assert (found["verdict"], found["var"], found["current"]) == ("keep", "ALERT_PENDING_SPIKE_THRESHOLD", 25)
    assert 0.97 < found["coverage"] < 1
    low, high = found["plateau"]
    assert low <= 25 <= high
    counted = {one["t"]: one["fires"] for one in found["candidates"]}
    assert counted[25] == 3
    assert any("gap(s)" in one for one in found["warnings"])
    assert any("counter was reset" in one for one in found["warnings"])
    assert "the rule is evaluated every 60 s, and was replayed every 30 s" in found["warnings"]
    for begin, end in incident_spans():
        assert any(_overlap(one["span"], begin + past.shift, end + past.shift) for one in found["episodes"])
    again = run_ccops(
        "rules",
        "tune",
        "--env",
        "staging",
        "--rule",
        "PurchasePendingSpike",
        "--from-json",
        str(saved),
        "-o",
        "json",
    )
    (offline,) = json.loads(again.out)["data"]["proposals"]
    offline["warnings"] += [one for one in found["warnings"] if "evaluated every" in one]
    assert offline == found


def _overlap(span: list[str], begin: int, end: int) -> bool:
    from datetime import datetime

    first, last = (datetime.fromisoformat(text).timestamp() for text in span)
    return first <= end + 600 and last >= begin


def test_the_server_counts_the_same_episodes_itself(past: Past) -> None:
    rate = f"sum by (flow) (increase(purchase_attempt_total{LABELS}[5m]))"
    # Firing at a moment: true at each of the last five evaluations, which for 2m at 30 s are. A second more:
    # from Prometheus 3 on, a range begins behind its first moment.
    query = f"min_over_time(({rate})[121s:30s]) > 25 and count_over_time(({rate})[121s:30s]) >= 5"
    (series,) = past.query(query)
    moments = [int(at) for at, _ in series["values"]]
    spells = 1 + sum(other - one > 600 for one, other in itertools.pairwise(moments))
    ran = past.tune("--env", "staging", "-o", "json")
    (found,) = json.loads(ran.out)["data"]["proposals"]
    assert spells == next(one["fires"] for one in found["candidates"] if one["t"] == 25) == 3


def test_tuning_everything_says_for_what_there_is_no_history(past: Past) -> None:
    ran = run_ccops("rules", "tune", "--env", "dev", "--prom", past.url, "--all", "--since", "3d", timeout=60)
    assert ran.code == 1
    assert "KafkaHighConsumerLag" in ran.out
    assert "insufficient: the signal has no sample" in ran.out
    assert "BackendDown" in ran.out
    assert "TUNE_NOT_TUNABLE" not in ran.err
    assert ran.err.count("TUNE_TOO_LITTLE") > 5


def test_a_server_that_is_away_is_a_sentence(past: Past) -> None:
    gone = past.tune("--prom", "http://127.0.0.1:9")
    assert (gone.code, "PROMETHEUS_UNREACHABLE" in gone.err) == (4, True)


def test_the_rules_of_a_server_are_compared_with_the_files(past: Past) -> None:
    same = run_ccops("rules", "diff", "--env", "dev", "--against", past.url)
    assert same.code == 0, same.out + same.err
    assert "no difference" in same.out
    other = run_ccops("rules", "diff", "--env", "prod", "--against", past.url, "-o", "json")
    assert other.code == 1
    found = {one["name"]: one for one in json.loads(other.out)["data"]["differences"]}
    fields = {one["field"] for one in found["PurchasePendingSpike"]["changes"]}
    assert fields == {"expr", "annotations.summary"}
    assert "BackendDown" not in found
