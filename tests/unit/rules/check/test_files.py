"""Files as a whole: empty ones, shapes, duplicates, what is written beside the rules, and any text at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ccops.core.errors import UsageError
from ccops.rules.catalogue import load_catalogue
from ccops.rules.check import Settings, Source, Target, check_path, check_sources, check_text
from tests.rules_probes import rendered, settings

GOOD = rendered(
    "groups:\n  - name: probe\n    rules:\n      - alert: Probe\n        expr: up == 0\n        for: 2m\n"
    "        labels: {severity: warning, service: shop}\n"
    "        annotations: {summary: s, runbook_url: 'https://example.org/x#probe'}\n",
    {},
).text
GROUP = GOOD.split("\n", 2)[2]
RECORD = "      - record: probe:up:sum\n        expr: sum(up)\n"


def codes(text: str, target: Target = Target.V2_42) -> list[tuple[str, int]]:
    return [(one.code, one.line) for one in check_text(text, settings(target)).findings]


def test_a_good_file_has_no_findings_whatever_its_line_ends_and_first_bytes() -> None:
    assert codes(GOOD) == []
    assert codes(GOOD.replace("\n", "\r\n")) == []
    assert codes("\ufeff" + GOOD) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("RULE_EMPTY", 1)]),
        ("# only a comment\n", [("RULE_EMPTY", 1)]),
        ("groups:\n", [("RULE_EMPTY", 1)]),
        ("groups: []\n", [("RULE_EMPTY", 1)]),
        ("groups:\n  - name: g\n", [("RULE_EMPTY", 2)]),
        ("groups:\n  - name: g\n    rules: []\n", [("RULE_EMPTY", 3)]),
        ("groups:\n  - name: g\n    rules:\n", [("RULE_EMPTY", 3)]),
        ("- a\n", [("RULE_FIELD_TYPE", 1)]),
        ("groups: {}\n", [("RULE_FIELD_TYPE", 1)]),
        ("groups: [a]\n", [("RULE_FIELD_TYPE", 1)]),
        ("shared: &a 5m\n" + GOOD, [("RULE_FIELD_UNKNOWN", 1)]),
        (GOOD + "---\nbroken: [\n", [("RULE_SECOND_DOCUMENT", 10)]),
        (GOOD + "---\n", [("RULE_SECOND_DOCUMENT", 10)]),
        (GOOD + "  bad\n", [("RULE_YAML", 11)]),
    ],
)
def test_a_file_without_rules_or_with_more_than_one_document_is_refused(
    text: str, expected: list[tuple[str, int]]
) -> None:
    assert codes(text) == expected


@pytest.mark.parametrize(
    ("old", "new", "code", "near"),
    [
        ("- name: probe", "- name: ''", "RULE_FIELD_MISSING", "- name: a probe"),
        ("- name: probe", "- nam: probe", "RULE_FIELD_UNKNOWN", "- name: nam"),
        ("- name: probe", "- name: [a]", "RULE_FIELD_TYPE", "- name: '[a]'"),
        (
            "- name: probe",
            "- name: probe\n    interval: 0s",
            "RULE_INTERVAL",
            "- name: probe\n    interval: 15s",
        ),
        (
            "- name: probe",
            "- name: probe\n    interval: 6m",
            "RULE_INTERVAL",
            "- name: probe\n    interval: 5m",
        ),
        (
            "- name: probe",
            "- name: probe\n    interval: 1",
            "RULE_DURATION",
            "- name: probe\n    interval: 1m",
        ),
        ("- name: probe", "- name: probe\n    limit: -1", "RULE_FIELD_TYPE", "- name: probe\n    limit: 10"),
        ("- alert: Probe", "- alert: ''", "RULE_FIELD_MISSING", "- alert: 알림"),
        ("- alert: Probe", "- alert: P\n        record: p", "RULE_FIELD_TYPE", "- alert: P"),
        ("- alert: Probe", "- alert: '{{ $value }}'", "RULE_NAME", "- alert: P"),
        ("expr: up == 0", "exp: up == 0", "RULE_FIELD_UNKNOWN", "expr: up == 1"),
        ("expr: up == 0", "expr: ''", "RULE_FIELD_MISSING", "expr: 'up == 0'"),
        ("expr: up == 0", "expr: [up]", "RULE_EXPR_TYPE", "expr: '(up == 0)'"),
        ("for: 2m", "for:", "RULE_DURATION", "for: 0"),
        ("for: 2m", "keep_firing_for: 25h", "RULE_FOR", "keep_firing_for: 24h"),
        ("severity: warning", "severity: page", "RULE_LABEL_VALUE", "severity: critical"),
        ("severity: warning, ", "", "RULE_LABEL_REQUIRED", "severity: info, "),
        (", service: shop", "", "RULE_LABEL_REQUIRED", ", service: web"),
        ("summary: s, ", "", "RULE_ANNOTATION_REQUIRED", "summary: t, "),
        ("summary: s", "summary: ''", "RULE_ANNOTATION_REQUIRED", "summary: '-'"),
        ("x#probe", "x#prob", "RULE_RUNBOOK", "y#probe"),
        ("x#probe", "x", "RULE_RUNBOOK", "?a=b#probe"),
        ("summary: s", "run-book: s, summary: s", "RULE_LABEL_NAME", "run_book: s, summary: s"),
    ],
)
def test_a_field_that_is_wrong_is_told_by_its_code(old: str, new: str, code: str, near: str) -> None:
    assert old in GOOD
    assert code in [one for one, _ in codes(GOOD.replace(old, new))]
    assert codes(GOOD.replace(old, near)) == []


def test_fields_of_newer_versions_are_told_with_the_version_that_has_them() -> None:
    offset = GOOD.replace("- name: probe", "- name: probe\n    query_offset: 1m")
    labels = GOOD.replace("- name: probe", "- name: probe\n    labels: {a: b}")
    assert codes(offset) == [("RULE_TARGET", 4)]
    assert codes(offset, Target.V2_53) == []
    assert codes(labels, Target.V2_53) == [("RULE_TARGET", 4)]
    assert codes(labels, Target.V3) == []


def test_duplicates_are_told_with_the_place_of_the_first() -> None:
    assert ("RULE_DUPLICATE_GROUP", 10) in codes(GOOD + GROUP)
    rule = GROUP.split("rules:\n")[1]
    again = check_text(GOOD + rule.replace("== 0", "== 1"), settings()).findings
    assert [(one.code, one.line, one.evidence) for one in again] == [
        ("RULE_DUPLICATE", 10, "first in rules.yml:5")
    ]
    assert codes(GOOD + rule.replace("service: shop", "service: web")) == []


def test_duplicates_are_found_across_files_and_group_names_are_not_shared() -> None:
    both = check_sources([Source("a.yml", GOOD), Source("b.yml", GOOD)], settings())
    assert [(one.code, one.file, one.evidence) for one in both.findings] == [
        ("RULE_DUPLICATE", "b.yml", "first in a.yml:5")
    ]


def test_recordings_of_any_file_are_series_with_their_labels() -> None:
    recording = GOOD + RECORD.replace("sum(up)", "sum by (job) (up)")
    reader = GOOD.replace("expr: up == 0", "expr: probe:up:sum > 1").replace("Probe", "Other")
    both = (Source("a.yml", reader), Source("b.yml", recording))
    assert check_sources(both, settings()).findings == ()
    instance = reader.replace("probe:up:sum", 'probe:up:sum{instance="x"}')
    found = check_sources((Source("a.yml", instance), both[1]), settings()).findings
    assert [one.code for one in found] == ["RULE_LABEL_UNKNOWN"]
    assert [one.code for one in check_text(reader, settings()).findings] == ["RULE_SERIES_UNKNOWN"]


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ("      - record: a-b\n        expr: sum(up)\n", "RULE_NAME"),
        ("      - record: up\n        expr: sum(up)\n", "RULE_NAME"),
        ("      - record: a:b\n        expr: sum(up)\n        for: 5m\n", "RULE_FIELD_TYPE"),
        (
            "      - record: a:b\n        expr: sum(up)\n        labels: {a: '{{ $value }}'}\n",
            "RULE_LABEL_TEMPLATE",
        ),
        ("      - record: a:b\n        expr: '5'\n", ""),
        (RECORD, ""),
    ],
)
def test_recordings_need_no_condition_but_a_name_and_nothing_of_an_alert(record: str, code: str) -> None:
    assert [one for one, _ in codes(GOOD + record)] == ([code] if code else [])


def test_placeholders_are_told_in_texts_and_not_in_comments() -> None:
    assert codes(GOOD + "# << later >> ${X}\n") == []
    for left in ("<< t >>", "<% if %>", "${LIMIT}", "[[ t ]]"):
        assert codes(GOOD.replace("summary: s", f"summary: 'over {left}'")) == [("RULE_LEFTOVER", 9)]
    assert codes(GOOD.replace("summary: s", "summary: 'over $5 [5m] [[1]] a<b>'")) == []


def test_folders_are_searched_and_what_is_missing_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.yml").write_text(GOOD)
    (tmp_path / "two.yaml").write_bytes(GOOD.replace("Probe", "Other").replace("\n", "\r\n").encode())
    (tmp_path / "notes.txt").write_text("groups")
    found = check_path([tmp_path], settings())
    assert (found.files, found.groups, found.rules, found.findings) == (2, 2, 2, ())
    (tmp_path / "latin.yml").write_bytes(b"\xe9")
    (tmp_path / "empty").mkdir()
    for name, said in (("latin.yml", "no UTF-8"), ("empty", "without .yml"), ("gone.yml", "No such file")):
        with pytest.raises(UsageError) as caught:
            check_path([tmp_path / name], settings())
        assert caught.value.code == "RULES_FILE_MISSING"
        assert said in caught.value.evidence


_LINES = st.sampled_from(GOOD.split("\n") + RECORD.split("\n"))
_SIGNS = st.sampled_from([*"{}[]()\"'|:,#-&*!%<>=~$@\\", "{{", "}}", "\x00", "é", " ", "0", "9e999", "\n"])


@st.composite
def _broken(draw: st.DrawFn) -> str:
    text = draw(st.lists(_LINES, min_size=1, max_size=14).map("\n".join) | st.just(GOOD))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(_SIGNS) + text[at + draw(st.integers(0, 2)) :]
    return text


@given(_broken() | st.text(max_size=60))
@example("groups: " + "[" * 200)
@example(GOOD.replace("up == 0", "(" * 9000 + "up" + ")" * 9000))
@example(GOOD.replace("up == 0", "-" * 9000 + "up"))
@example(GOOD.replace("summary: s", "summary: '{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}'"))
def test_no_text_makes_anything_but_findings(text: str) -> None:
    found = check_text(text, Settings(load_catalogue(env="dev")))
    assert all(one.code and one.message and one.line >= 1 for one in found.findings)
