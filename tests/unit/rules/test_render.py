"""Rendering a set: deterministic, all or nothing, and nothing that the templates did not announce."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from ccops.core.errors import Refused, UsageError
from ccops.core.profile import find_project, load_profile, packaged_project
from ccops.rules.project import Options, rule_set, rule_sets
from ccops.rules.render import burn, render_set
from ccops.rules.scaling import Scale, parse_scale
from ccops.rules.strictyaml import load_texts
from ccops.rules.thresholds import Resolved, load_thresholds, resolve
from ccops.rules.values import parse_duration
from tests.unit.rules.rule_project import RULES, project_in

ENVS = ("dev", "staging", "prod")


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    first, again = (rule_set(load_profile("prod", project)).rendered.files for _ in range(2))

    assert [file.text for file in first] == [file.text for file in again]
    text = first[0].text
    assert text.startswith("# Rendered for prod by `ccops rules render`.")
    assert "# template rules/things.yml.j2 sha256 " in text
    assert "\r" not in text
    assert text.endswith("\n")


def test_the_header_names_the_template_by_its_content(tmp_path: Path) -> None:
    before = rule_set(load_profile("prod", project_in(tmp_path))).rendered.files[0].text
    after = rule_set(load_profile("prod", project_in(tmp_path, rules=RULES + "\n"))).rendered.files[0].text

    assert before.splitlines()[1] != after.splitlines()[1]


def test_a_value_of_an_env_file_reaches_the_rule_canonically(tmp_path: Path) -> None:
    project = project_in(tmp_path, prod="ALERT_A=2.5e2\r\n")

    assert "> 250\n" in rule_set(load_profile("prod", project)).rendered.files[0].text


@pytest.mark.parametrize(
    "value",
    [
        "1_000", "NaN", "inf", "２０", "٢٠", "20\u00a0", "1,000", "abc", "2.9", "", "12:30", "020", "0x14",
        "20 # prod: 30", "${ALERT_B}", "--5", "+5", "5.", ".5", "1e400", "true", "None", "98%", "0,5",
        "20 or vector(1)", "-1", "1001", "20\x0bALERT_B=1", "20\u2028ALERT_B=1", "20\nALERT_A=30",
        "20\nALERT_B=30", "20\nALERT_A_MAX=30", "20\nnot a line",
    ],
)  # fmt: skip
def test_a_bad_value_ends_with_2_and_writes_nothing(
    tmp_path: Path, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from ccops.__main__ import main

    project = project_in(tmp_path / "p", prod=f"ALERT_A={value}\n")
    out = tmp_path / "out"
    call = ["rules", "render", "--project", str(project.root), "--out", str(out)]

    assert main([*call, "--env", "prod"]) == 2
    assert main([*call, "--all-envs"]) == 2
    assert not out.exists()
    assert not project.home.exists()
    line = 3 if "\n" in value else 2
    assert f"env/prod.env:{line}" in capsys.readouterr().err
    project_in(tmp_path / "p", prod="ALERT_A=25\n")
    assert main([*call, "--env", "prod"]) == 0


def test_a_value_that_brings_a_rule_is_refused_even_past_the_parser(tmp_path: Path) -> None:
    """The last net: were the grammar ever to let a line break through, the inventory would not."""
    project = project_in(tmp_path)
    resolved = resolve(load_thresholds(tmp_path / "rules_templates" / "thresholds.yml"), "prod", {}, {})
    for text in (
        "30\n      - alert: Evil\n        expr: vector(1)",
        "30\n  - name: evil\n    rules: []",
        "30\ngroups: []",
    ):
        bad = Resolved("prod", resolved.thresholds, {"ALERT_A": text}, resolved.origins)  # type: ignore[dict-item]
        with pytest.raises(UsageError) as caught:
            render_set(project.root / "rules_templates", "prod", bad)
        assert caught.value.code in {"RULES_INVENTORY", "RULES_BROKEN"}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("      - alert: Busy", "  - alert: Busy", "RULES_BROKEN"),
        ("    rules:\n", "    labels:\n", "RULES_INVENTORY"),
        ("groups:\n", "group:\n", "RULES_BROKEN"),
        ("        for: << hold", "       for: << hold", "RULES_BROKEN"),
        ("        labels:\n", "        labels:\n        labels:\n", "RULES_BROKEN"),
        (RULES, "", "RULES_BROKEN"),
        (RULES, "groups:\n", "RULES_BROKEN"),
        (RULES, RULES + "---\n" + RULES, "RULES_BROKEN"),
    ],
)
def test_a_broken_shape_is_refused(tmp_path: Path, old: str, new: str, code: str) -> None:
    """The seed's file was broken by indentation, and its groups ended below labels."""
    project = project_in(tmp_path, rules=RULES.replace(old, new))

    with pytest.raises(UsageError) as caught:
        rule_set(load_profile("prod", project))

    assert caught.value.code == code
    assert "things.yml" in caught.value.message + caught.value.evidence


def test_the_inventory_lists_what_a_loop_made(tmp_path: Path) -> None:
    rules = RULES.replace(
        "      - alert: Busy",
        "<% for n in 'AB' %>\n      - record: a:<< n >>\n        expr: x\n<% endfor %>\n      - alert: Busy",
    )
    inventory = rule_set(load_profile("prod", project_in(tmp_path, rules=rules))).rendered.inventory

    assert inventory.groups == (("things.yml", "things"),)
    assert (inventory.recordings, inventory.alerts) == (("a:A", "a:B"), ("Busy",))


@pytest.mark.parametrize(
    ("text", "factor", "window", "hold"),
    [
        ("5m", "1", "5m", "5m"),
        ("5m", "0.05", "15s", "15s"),
        ("1m", "0.05", "5s", "3s"),
        ("3d", "0.05", "3h36m", "3h36m"),
        ("10s", "0.05", "5s", "1s"),
        ("0s", "0.05", "0s", "0s"),
        ("2s", "0.5", "2s", "1s"),
    ],
)
def test_time_is_scaled_down_to_what_still_works(text: str, factor: str, window: str, hold: str) -> None:
    scale = Scale(Decimal(factor))

    assert (scale.window(text), scale.hold(text)) == (window, hold)


@pytest.mark.parametrize("text", ["0", "-1", "1.1", "abc", "", "NaN", "1/20"])
def test_a_bad_time_scale_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="time-scale"):
        parse_scale(text)


def test_a_protected_environment_is_not_scaled(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    options = Options(time_scale=Decimal("0.05"))

    assert "for: 6s" in rule_set(load_profile("dev", project), options).rendered.files[0].text
    with pytest.raises(Refused, match="protected"):
        rule_set(load_profile("prod", project), options)


def test_every_scaled_window_holds_four_scrapes_of_the_embedded_stack() -> None:
    project = find_project(packaged_project())
    for factor in ("0.05", "0.001"):
        made = rule_set(load_profile("dev", project), Options(time_scale=Decimal(factor))).rendered
        text = "".join(file.text for file in made.files)
        windows = {part.partition("]")[0] for part in text.split("[")[1:]}
        spans = [
            parse_duration(window) for window in windows if window[:1].isdigit() and window[-1].isalpha()
        ]

        assert len(spans) > 3 or factor == "0.001"
        assert min(spans) >= 4


def test_faults_of_all_environments_are_told_at_once(tmp_path: Path) -> None:
    project = project_in(tmp_path, prod="ALERT_A=x\n", dev="ALERT_B=1\n")

    with pytest.raises(UsageError) as caught:
        rule_sets(project, ("dev", "prod"))

    assert len(caught.value.evidence.splitlines()) == 2


def test_a_burn_rate_is_exact() -> None:
    assert burn("14.4", Decimal("99.5")) == Decimal("0.072")


def test_an_alert_that_is_switched_off_is_left_out() -> None:
    project = find_project(packaged_project())
    alerts = {env: rule_set(load_profile(env, project)).rendered.inventory.alerts for env in ENVS}

    assert "PurchaseTrafficAbsent" not in alerts["dev"]
    assert "PurchaseTrafficAbsent" in alerts["prod"]
    assert len(alerts["prod"]) == 29


def test_thresholds_are_used_by_the_alerts_they_name() -> None:
    """A threshold no template uses is a knob without effect; `used_by` names exactly those that use it."""
    project = find_project(packaged_project())
    one = rule_set(load_profile("prod", project))
    text = dict.fromkeys(one.resolved.values, "")
    for file in one.rendered.files:
        for names in file.origin.variables.values():
            for name in names:
                text[name] += file.name
    known = set(one.rendered.inventory.alerts)

    assert [name for name, files in text.items() if not files] == []
    assert {alert for one in one.resolved.thresholds.values() for alert in one.used_by} <= known


def test_shipped_files_have_the_seeds_rules() -> None:
    project = find_project(packaged_project())
    files = {file.name: file.text for file in rule_set(load_profile("prod", project)).rendered.files}
    kafka = load_texts(files["kafka_consumer_health.yml"])
    assert isinstance(kafka, dict)
    lag, down = kafka["groups"][0]["rules"]

    assert (kafka["groups"][0]["name"], lag["alert"], lag["for"]) == (
        "kafka_consumer_health",
        "KafkaHighConsumerLag",
        "5m",
    )
    assert lag["expr"].rstrip().endswith("> 1000")
    assert (down["alert"], down["for"]) == ("KafkaExporterDown", "2m")
    assert files["purchase-health.yml"].count("- alert:") == 4


def test_render_loads_no_heavy_library(tmp_path: Path) -> None:
    code = "import sys\nfrom ccops.__main__ import main\n"
    code += f"code = main(['rules', 'render', '--env', 'prod', '--out', {str(tmp_path)!r}])\n"
    code += "sys.stderr.write(' '.join(sys.modules))\nsys.exit(code)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())

    assert "jinja2" in loaded
    assert not {name.partition(".")[0] for name in loaded} & {
        "rich", "httpx", "psycopg", "redis", "promql_parser", "prometheus_api_client", "jsonschema", "psutil",
        "confluent_kafka", "clickhouse_connect", "websockets", "asyncio", "prometheus_client", "hypothesis",
    }  # fmt: skip
    assert not [name for name in loaded if name.startswith(("ccops.rules.check", "ccops.rules.promql"))]
