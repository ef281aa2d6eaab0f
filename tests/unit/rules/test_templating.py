"""The engine: what a template may hold, and where each line of the output comes from."""

from decimal import Decimal
from pathlib import Path

import pytest

from ccops.core.errors import UsageError
from ccops.rules.templatecache import engine
from ccops.rules.templating import RenderedFile, render_text


def rendered(folder: Path, source: str, **context: object) -> RenderedFile:
    (folder / "x.yml.j2").write_text(source, encoding="utf-8", newline="")
    return render_text(folder, "x.yml.j2", context)


def test_prometheus_templates_and_range_selectors_pass_untouched(tmp_path: Path) -> None:
    text = "expr: rate(x{a=~\"[[:alpha:]]+\"}[<< w >>])\ns: '{{ $value | humanize }} {% if %} {# #} ${DS}'\n"

    assert rendered(tmp_path, text, w="5m").text == text.replace("<< w >>", "5m")


def test_numbers_are_written_plainly(tmp_path: Path) -> None:
    made = rendered(
        tmp_path, "a: << a >> << b >> << c * 2 >>\n", a=Decimal("1E+3"), b=Decimal("1e-7"), c=Decimal("0.50")
    )

    assert made.text == "a: 1000 0.0000001 1\n"


@pytest.mark.parametrize("value", [0.1, True, None, float("nan")])
def test_what_is_no_exact_number_is_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(UsageError, match=r"x\.yml\.j2:2"):
        rendered(tmp_path, "a: 1\nb: << v >>\n", v=value)


@pytest.mark.parametrize("name", ["default(20)", "d(20)", "int", "float", "upper | default('x')"])
def test_filters_that_hide_a_bad_value_are_banned(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"x\.yml\.j2:2: the filter"):
        rendered(tmp_path, f"a: 1\nb: << ALERT_A | {name} >>\n", ALERT_A=Decimal(1))


def test_a_ban_is_not_evaded_by_a_block_or_a_macro(tmp_path: Path) -> None:
    for source in (
        "<% set t = ALERT_A | int %>\na: << t >>\n",
        "<% macro m(t) %><< t | default(3) >><% endmacro %>\na: << m(ALERT_A) >>\n",
        "<% filter int %><< ALERT_A >><% endfilter %>\n",
        "<% for t in [ALERT_A] if t | int %>a<% endfor %>\n",
    ):
        with pytest.raises(UsageError, match="the filter"):
            rendered(tmp_path, source, ALERT_A=Decimal(1))


def test_an_unknown_name_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"x\.yml\.j2:2: 'ALERT_B' is undefined"):
        rendered(tmp_path, "a: 1\nb: << ALERT_B * 2 >>\n", ALERT_A=Decimal(1))


@pytest.mark.parametrize("source", ["a: << ''.__class__ >>\n", "a: << (1).__class__.__mro__ >>\n"])
def test_a_template_stays_in_its_sandbox(tmp_path: Path, source: str) -> None:
    with pytest.raises(UsageError):
        rendered(tmp_path, source)


@pytest.mark.parametrize(
    "source", ["a: << x\n", "<% if %>\n", "<% endfor %>\n", "a: << 1 +  >>\n", "<<: *base\n"]
)
def test_bad_syntax_is_told_with_its_place(tmp_path: Path, source: str) -> None:
    with pytest.raises(UsageError, match=r"x\.yml\.j2:\d"):
        rendered(tmp_path, source)


def test_a_template_outside_its_folder_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s", encoding="utf-8")
    (tmp_path / "in").mkdir()

    with pytest.raises(UsageError):
        rendered(tmp_path / "in", '<% include "../secret" %>\n')


def test_marks_can_neither_be_written_nor_passed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="private use area"):
        rendered(tmp_path, "a: \ue0001:x\ue001\n")
    with pytest.raises(UsageError, match="private use area"):
        rendered(tmp_path, "a: << v >>\n", v="\ue0009:x\ue001")


def test_text_is_quoted_for_yaml(tmp_path: Path) -> None:
    made = rendered(tmp_path, "a: << v | yq >>\n", v='yes # "x"\n- b: 말')

    assert made.text == 'a: "yes # \\"x\\"\\n- b: 말"\n'


def test_each_output_line_knows_its_template_line(tmp_path: Path) -> None:
    source = (
        "<# two\nlines #>\n"  # 1, 2
        "a: 1\n"  # 3
        "<% for n in [1, 2] %>\n"  # 4
        "b: << n >>\n"  # 5
        "c: << ALERT_A >> << ALERT_B >>\n"  # 6
        "<% endfor %>\n"  # 7
        "d: 1"  # 8
    )
    made = rendered(tmp_path, source, ALERT_A=Decimal(1), ALERT_B=Decimal(2))
    lines = made.text.splitlines()

    assert lines == ["a: 1", "b: 1", "c: 1 2", "b: 2", "c: 1 2", "d: 1"]
    assert made.origin.lines == (3, 5, 6, 5, 6, 8)
    assert made.origin.where(3) == "x.yml.j2:6"
    assert made.origin.variables_at(3) == ("ALERT_A", "ALERT_B")
    assert made.origin.variables_at(2) == ()
    assert "\ue000" not in made.text


def test_lines_of_an_imported_macro_are_known_to_be_its(tmp_path: Path) -> None:
    (tmp_path / "_m.j2").write_text(
        "<% macro rule(t) %>\nexpr: x > << t >>\n<% endmacro %>\n", encoding="utf-8"
    )
    made = rendered(tmp_path, '<% from "_m.j2" import rule %>\na: 1\n<< rule(ALERT_A) >>', ALERT_A=Decimal(5))

    assert made.text.splitlines()[:2] == ["a: 1", "expr: x > 5"]
    assert made.origin.where(1) == "x.yml.j2:2"
    assert made.origin.where(2) == "_m.j2:2"


def test_a_line_that_a_value_brought_is_known(tmp_path: Path) -> None:
    made = rendered(tmp_path, "a: << v >> tail\nb: 1\n", v="1\n- alert: X")

    assert made.text.splitlines() == ["a: 1", "- alert: X tail", "b: 1"]
    assert made.origin.authored == (True, False, True)


def test_a_header_belongs_to_the_first_line(tmp_path: Path) -> None:
    (tmp_path / "x.yml.j2").write_text("a: 1\nb: 2\n", encoding="utf-8")
    made = render_text(tmp_path, "x.yml.j2", {}, header=lambda name: f"# {name}\n# two\n")

    assert made.text == "# x.yml.j2\n# two\na: 1\nb: 2\n"
    assert made.origin.lines == (1, 1, 1, 2)


def test_output_is_lf_whatever_the_template_has(tmp_path: Path) -> None:
    assert rendered(tmp_path, "a: 1\r\nb: << v >>\r\n", v="x").text == "a: 1\nb: x\n"


def test_a_compiled_template_is_used_again_and_only_for_its_source(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (tmp_path / "x.yml.j2").write_text("a: << ALERT_A >>\n", encoding="utf-8")
    first = render_text(tmp_path, "x.yml.j2", {"ALERT_A": Decimal(1)}, cache=cache)
    kept = list(cache.iterdir())

    again = render_text(tmp_path, "x.yml.j2", {"ALERT_A": Decimal(2)}, cache=cache)
    for path in kept:
        path.write_bytes(path.read_bytes()[:30])  # a disk that was full
    (tmp_path / "x.yml.j2").write_text("b: << ALERT_A >>\n", encoding="utf-8")
    other = tmp_path / "other"
    other.mkdir()
    (other / "x.yml.j2").write_text("b: << ALERT_A >>\n", encoding="utf-8")

    assert (first.text, again.text) == ("a: 1\n", "a: 2\n")
    assert len(kept) == 1
    assert render_text(tmp_path, "x.yml.j2", {"ALERT_A": Decimal(1)}, cache=cache).text == "b: 1\n"
    assert render_text(other, "x.yml.j2", {"ALERT_A": Decimal(1)}, cache=cache).text == "b: 1\n"


def test_compiled_templates_of_another_version_are_not_used(tmp_path: Path) -> None:
    """After an upgrade, of ccops or of the library, nothing may come from before it."""
    module = tmp_path / "engine.py"
    module.write_text("1\n")
    before = engine(module)

    assert engine(module) == before
    module.write_text("10\n")
    assert engine(module) != before
