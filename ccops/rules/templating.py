"""The template engine of rules and dashboards: `<< value >>`, `<% block %>`, `<# comment #>`.

Neither `{{ }}` nor `[[ ]]`: the first is Prometheus' own in annotations, the second eats range selectors.
Every output line is known to come from a template line: lines of literal text start with a private mark that
holds their number, and the marks are taken out after rendering.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ccops.core.errors import UsageError
from ccops.rules.values import canonical

if TYPE_CHECKING:
    from jinja2 import Environment, nodes

# Of Unicode's private use area: no template and no value may hold them.
_OPEN, _CLOSE = "\ue000", "\ue001"
_MARK = re.compile(f"{_OPEN}(?P<line>[0-9]+):(?P<file>[^{_CLOSE}]*){_CLOSE}")
# They turn nonsense into a number (`int` makes 0 of `1,000`) or hide that a value is missing.
_BANNED = frozenset({"default", "d", "int", "float"})
_SHOWN_NAME = re.compile(r"(?:ALERT|SLO)_[A-Z0-9_]+")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rendered text comes from.

    `lines[i]` is the template line of output line i + 1 and `files[i]` the template it is in (another one
    when a macro was imported); `variables` gives, by line of `template`, the thresholds used there;
    `authored[i]` is False where a value brought a line of its own.
    """

    template: str
    lines: tuple[int, ...]
    variables: Mapping[int, tuple[str, ...]]
    files: tuple[str, ...] = ()
    authored: tuple[bool, ...] = ()

    def where(self, line: int) -> str:
        """Return `template:line` for output line `line` (from 1)."""
        place = min(max(line, 1), len(self.lines)) - 1
        return f"{self.files[place] if self.files else self.template}:{self.lines[place]}"

    def variables_at(self, line: int) -> tuple[str, ...]:
        """Return the thresholds used in output line `line` (from 1)."""
        place = min(max(line, 1), len(self.lines)) - 1
        own = not self.files or self.files[place] == self.template
        return self.variables.get(self.lines[place], ()) if own else ()


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """One rendered file: its name in the output folder, its text (LF), where each line comes from."""

    name: str
    text: str
    origin: Origin


def render_text(
    templates_dir: Path,
    name: str,
    context: Mapping[str, object],
    *,
    header: Callable[[str], str] | None = None,
) -> RenderedFile:
    """Return template `name` (a path below `templates_dir`, `x.yml.j2`) rendered with `context`.

    Decimals are written in plain notation; text must go through the filter `yq`, which quotes it for YAML and
    JSON. `header` is put first; it is given the name. Raises UsageError with file and line of the template.
    """
    from jinja2 import TemplateError

    environment = _environment(templates_dir)
    path = templates_dir / name
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "TEMPLATE_UNREADABLE", f"{name} can't be read", evidence=str(error), next_step=f"look at {path}"
        ) from None
    try:
        _refuse_marks(context)
        tree = environment.parse(source, name, str(path))
        code = environment.compile(tree, name, str(path))
        template = environment.template_class.from_code(environment, code, environment.make_globals(None))
        text = template.render(context)
    except (TemplateError, ArithmeticError, TypeError, ValueError) as error:
        raise _failed(name, path, error) from None
    return _unmarked(name, text, _variables(tree), header(name) if header else "")


def scan(tree: nodes.Template) -> Iterable[tuple[int, str]]:
    """Yield line and reason of each construct that a template may not use."""
    from jinja2 import nodes as kinds

    for node in tree.find_all(kinds.Filter):
        if node.name in _BANNED:
            yield (
                node.lineno,
                f"the filter {node.name} hides what is wrong with a value; thresholds are numbers",
            )


@lru_cache(maxsize=4)
def _environment(templates_dir: Path) -> Environment:
    from jinja2 import FileSystemLoader, StrictUndefined, TemplateSyntaxError
    from jinja2.sandbox import SandboxedEnvironment

    class Marking(SandboxedEnvironment):
        """Parses as always, then marks: so that imported macros are marked too."""

        def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
            if _OPEN in source or _CLOSE in source:
                raise TemplateSyntaxError("a sign of the private use area", 1, name, filename)
            tree = super()._parse(source, name, filename)
            for line, why in scan(tree):
                raise TemplateSyntaxError(why, line, name, filename)
            _mark_lines(tree, name or "")
            return tree

    made = Marking(
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        newline_sequence="\n",
        undefined=StrictUndefined,
        autoescape=False,
        finalize=_finalize,
        loader=FileSystemLoader(templates_dir),
    )
    made.filters["yq"] = quoted
    return made


def quoted(value: object) -> str:
    """Return `value` as a JSON string, which is a YAML string too."""
    return json.dumps(str(value), ensure_ascii=False)


def _finalize(value: object) -> object:
    """Let a value into the text: numbers as they are written in PromQL, text as it is, nothing else."""
    if isinstance(value, Decimal):
        return canonical(value)
    if isinstance(value, bool | float) or value is None:
        raise TypeError(f"{value!r} is neither a text nor an exact number")
    return value


def _refuse_marks(context: Mapping[str, object]) -> None:
    for name, value in context.items():
        if isinstance(value, str) and (_OPEN in value or _CLOSE in value):
            raise ValueError(f"{name} holds a sign of the private use area")


def _mark_lines(tree: nodes.Template, name: str) -> None:
    """Put the mark of its line before each line of literal text, and before each piece within a line."""
    from jinja2 import nodes as kinds

    for data in tree.find_all(kinds.TemplateData):
        texts = data.data.split("\n")
        data.data = "\n".join(
            f"{_OPEN}{data.lineno + step}:{name}{_CLOSE}{text}" for step, text in enumerate(texts)
        )


def _unmarked(name: str, text: str, variables: Mapping[int, tuple[str, ...]], header: str) -> RenderedFile:
    rows = text.split("\n")
    if rows and not _MARK.sub("", rows[-1]):
        rows.pop()
    above = header.count("\n")
    lines, files, authored = [1] * above, [name] * above, [True] * above
    for row in rows:
        mark = _MARK.search(row)
        lines.append(int(mark["line"]) if mark else lines[-1] if lines else 1)
        files.append(mark["file"] if mark else files[-1] if files else name)
        authored.append(row.startswith(_OPEN))
    body = "".join(_MARK.sub("", row) + "\n" for row in rows)
    origin = Origin(name, tuple(lines), variables, tuple(files), tuple(authored))
    return RenderedFile(Path(name).name.removesuffix(".j2"), header + body, origin)


def _variables(tree: nodes.Template) -> dict[int, tuple[str, ...]]:
    from jinja2 import nodes as kinds

    found: dict[int, list[str]] = {}
    for node in tree.find_all(kinds.Name):
        if _SHOWN_NAME.fullmatch(node.name):
            names = found.setdefault(node.lineno, [])
            if node.name not in names:
                names.append(node.name)
    return {line: tuple(names) for line, names in found.items()}


def _failed(name: str, path: Path, error: Exception) -> UsageError:
    line = getattr(error, "lineno", None) or _line_of(error, path)
    said = " ".join(str(error).split()) or type(error).__name__
    place = f"{name}:{line}" if line else name
    return UsageError(
        "TEMPLATE_INVALID", f"{place}: {said}", evidence=f"template {path}", next_step=f"edit {path}"
    )


def _line_of(error: BaseException, path: Path) -> int:
    """Return the template line in the traceback of `error`, which the engine rewrites to the template's."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
