"""The template engine of rules and dashboards: `<< value >>`, `<% block %>`, `<# comment #>`.

Neither `{{ }}` nor `[[ ]]`: the first is Prometheus' own in annotations, the second eats range selectors.
Every output line is known to come from a template line: lines of literal text start with a private mark that
holds their number, and the marks are taken out after rendering.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
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
_LEADING = re.compile(f"(?:{_OPEN}[^{_CLOSE}]*{_CLOSE})*(?P<last>{_OPEN}[^{_CLOSE}]*{_CLOSE})")
# They turn nonsense into a number (`int` makes 0 of `1,000`) or hide that a value is missing.
_BANNED = frozenset({"default", "d", "int", "float"})
_THRESHOLD = re.compile(r"\b(?:ALERT|SLO)_[A-Z0-9_]+")
_COMMENT = re.compile(r"<#.*?#>", re.DOTALL)


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
    cache: Path | None = None,
) -> RenderedFile:
    """Return template `name` (a path below `templates_dir`, `x.yml.j2`) rendered with `context`.

    Decimals are written in plain notation; text must go through the filter `yq`, which quotes it for YAML and
    JSON. `header` is put first; it is given the name. `cache` is a folder for compiled templates. Raises
    UsageError with file and line of the template.
    """
    from jinja2 import TemplateError

    path = templates_dir / name
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "TEMPLATE_UNREADABLE", f"{name} can't be read", evidence=str(error), next_step=f"look at {path}"
        ) from None
    try:
        _refuse_marks(context)
        text = _environment(templates_dir, cache).get_template(name).render(context)
    except (TemplateError, ArithmeticError, TypeError, ValueError) as error:
        raise _failed(name, path, error) from None
    return _unmarked(name, text, _variables(source), header(name) if header else "")


@lru_cache(maxsize=4)
def _environment(templates_dir: Path, cache: Path | None) -> Environment:
    from jinja2 import FileSystemLoader, StrictUndefined, TemplateSyntaxError, compiler
    from jinja2.sandbox import SandboxedEnvironment

    from ccops.rules.templatecache import Compiled, engine

    class Marking(SandboxedEnvironment):
        """Parses as always, then marks: so that imported macros are marked too."""

        def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
            if _OPEN in source or _CLOSE in source:
                raise TemplateSyntaxError("a sign of the private use area", 1, name, filename)
            tree = super()._parse(source, name, filename)
            _prepare(tree, name or "", filename)
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
        optimized=False,  # every template is rendered once
        bytecode_cache=Compiled(cache, engine(Path(__file__), Path(str(compiler.__file__))))
        if cache
        else None,
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


def _prepare(tree: nodes.Template, name: str, filename: str | None) -> None:
    """Refuse what a template may not use, and mark the lines of literal text.

    One walk for both: walking is what costs. A mark stands before each line, and each piece within one.
    """
    from jinja2 import TemplateSyntaxError
    from jinja2 import nodes as kinds

    left: list[nodes.Node] = [tree]
    while left:
        node = left.pop()
        if isinstance(node, kinds.TemplateData):
            lines = enumerate(node.data.split("\n"), node.lineno)
            node.data = "\n".join(f"{_OPEN}{line}:{name}{_CLOSE}{text}" for line, text in lines)
        else:
            if isinstance(node, kinds.Filter) and node.name in _BANNED:
                why = f"the filter {node.name} hides what is wrong with a value; thresholds are numbers"
                raise TemplateSyntaxError(why, node.lineno, name, filename)
            left.extend(_children(node))


def _children(node: nodes.Node) -> Iterator[nodes.Node]:
    """Yield the nodes in `node`'s fields; the library's own walk asks each field three questions more."""
    from jinja2 import nodes as kinds

    for field in node.fields:
        value = getattr(node, field, None)
        if isinstance(value, list):
            yield from (item for item in value if isinstance(item, kinds.Node))
        elif isinstance(value, kinds.Node):
            yield value


def _unmarked(name: str, text: str, variables: Mapping[int, tuple[str, ...]], header: str) -> RenderedFile:
    rows = text.split("\n")
    if rows and not _MARK.sub("", rows[-1]):
        rows.pop()
    above = header.count("\n")
    lines, files, authored = [1] * above, [name] * above, [True] * above
    for row in rows:
        leading = _LEADING.match(row)
        # A line may begin in one template and go on in another, or in the next turn of a loop.
        mark = _MARK.match(row, leading.start("last")) if leading else _MARK.search(row)
        lines.append(int(mark["line"]) if mark else lines[-1] if lines else 1)
        files.append(mark["file"] if mark else files[-1] if files else name)
        authored.append(row.startswith(_OPEN))
    body = "".join(_MARK.sub("", row) + "\n" for row in rows)
    origin = Origin(name, tuple(lines), variables, tuple(files), tuple(authored))
    return RenderedFile(Path(name).name.removesuffix(".j2"), header + body, origin)


def _variables(source: str) -> dict[int, tuple[str, ...]]:
    """Return the thresholds that each template line names, comments aside."""
    bare = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), source)
    rows = enumerate(bare.split("\n"), 1)
    found = {line: tuple(dict.fromkeys(_THRESHOLD.findall(row))) for line, row in rows if "_" in row}
    return {line: names for line, names in found.items() if names}


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
