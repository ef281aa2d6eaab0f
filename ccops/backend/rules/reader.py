"""Read a rules file; whatever is wrong with it is said as `rewards.yml: streak.DAILY[2]: ...`."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import cast

import yaml
from pydantic import BaseModel, ValidationError

from ccops.backend.rules.shapes import SHAPES

FOLDER = Path(__file__).parent


class RulesInvalid(ValueError):
    """A rules file can't be used; the start stops. One line a mistake."""


class _Loader(yaml.SafeLoader):
    """YAML's own mappings take the last of two equal keys without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen: set[object] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value} is there twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def read(name: str, folder: Path = FOLDER) -> tuple[BaseModel, dict[str, object]]:
    """Return the file `name` as checked model and as plain mapping. Raises RulesInvalid."""
    path = folder / f"{name}.yml"
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
        shape = SHAPES[name].model_validate(found)
    except OSError as error:
        raise RulesInvalid(f"{path.name}: can't be read ({error.strerror})") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise RulesInvalid(f"{path.name}:{line}: {error.problem}") from error
    except ValidationError as error:
        lines = [f"{path.name}: {_key(item['loc'])}{item['msg']}" for item in error.errors()]
        raise RulesInvalid("\n".join(lines)) from error
    return shape, cast(dict[str, object], found)


def _key(loc: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return f"{text.removeprefix('.')}: " if text else ""
