"""Which two documents a call compares, by what policy, and what the project's scenarios read of them."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ccops.contract import approvals
from ccops.contract.codes import catalogue, known_ids
from ccops.contract.export import BUNDLED_APP, App, export_app
from ccops.contract.load import Document
from ccops.contract.model import Approval, Consumer, Direction, Level, Policy
from ccops.contract.sources import (
    EVENTS,
    OPENAPI,
    Commit,
    events_at,
    events_of,
    is_url,
    made,
    openapi_at,
    openapi_of,
)
from ccops.core.bundle import packaged_contract
from ccops.core.clock import SystemClock
from ccops.core.errors import UsageError
from ccops.core.profile import find_project
from ccops.smoke.uses import Use, uses

_VARIES = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked for. `old` and `new` are files or addresses; `against` may be a git reference too."""

    old: str = ""
    new: str = ""
    against: str = ""
    contract: Path | None = None
    app: str = ""
    app_dir: Path | None = None
    python: str = ""
    settings: tuple[str, ...] = ()
    external: bool = False
    timeout_s: float = 30.0
    approvals: Path | None = None
    consumers: bool = True
    fail_on: Level = Level.ERR
    closed_clients: Level = Level.INFO
    sunset_days: int = 0
    levels: tuple[str, ...] = ()
    project: Path | None = None

    def __post_init__(self) -> None:
        """Refuse two old sides: one would be left out in silence, and what is compared then says nothing."""
        if self.old and self.against:
            raise UsageError(
                "SIDES_CONFLICT",
                "the old side is named twice",
                evidence=f"OLD is {self.old}, --against is {self.against}",
                next_step=f"--against {self.against} alone, or OLD NEW",
            )

    @property
    def folder(self) -> Path:
        """Return the folder of the contract bundle."""
        return self.contract or packaged_contract()

    @property
    def approvals_file(self) -> Path:
        """Return the file of approvals: the one named, else the project's."""
        return self.approvals or find_project(self.project).root / approvals.DEFAULT


def app_of(call: Call) -> App:
    """Return the app to import: the one named, else the bundled backend."""
    pairs = [pair.partition("=") for pair in call.settings]
    if not all(name and sign for name, sign, _ in pairs):
        raise UsageError(
            "SETTING_INVALID",
            "a --set is not K=V",
            evidence="no name or no equals sign",
            next_step="--set DATABASE_URL=postgresql://localhost/none",
        )
    return App(
        call.app or BUNDLED_APP,
        call.app_dir or Path.cwd(),
        call.python or sys.executable,
        {name: value for name, _, value in pairs},
        call.timeout_s,
    )


def openapi_sides(call: Call) -> tuple[Document, Document]:
    """Return both OpenAPI documents: by default the committed one, and what the app says today."""
    return _openapi_old(call), _openapi_new(call)


def events_sides(call: Call) -> tuple[Document, Document]:
    """Return both event documents: by default of the bundle as committed (`against`) and as it is."""
    if call.old:
        old = events_of(call.old, timeout_s=call.timeout_s)
    elif call.against and _is_place(call.against):
        old = events_of(call.against, timeout_s=call.timeout_s)
    elif call.against:
        old = events_at(Commit(call.against, call.folder))
    else:
        raise UsageError(
            "SIDE_MISSING",
            "there is nothing to compare with",
            evidence=f"{call.folder / EVENTS} is the new side; the old one is not named",
            next_step="ccops contract diff --against origin/main    or    ccops contract diff OLD NEW",
        )
    return old, events_of(call.new or str(call.folder), timeout_s=call.timeout_s)


def policy_of(call: Call, old: Document) -> Policy:
    """Return the policy for a comparison that begins with `old`."""
    return Policy(
        SystemClock().now().date(),
        tuple(consumers(uses(find_project(call.project)), old)) if call.consumers else (),
        approved(call, old),
        call.fail_on,
        call.closed_clients,
        call.sunset_days,
        overrides=overrides(call.levels),
    )


def section_of(document: Document) -> str:
    """Return the section of the approvals file that speaks of `document`."""
    return "openapi" if document.kind == "openapi" else "events"


def approved(call: Call, old: Document) -> tuple[Approval, ...]:
    """Return the approvals for documents of this kind."""
    return approvals.read_approvals(call.approvals_file, section_of(old), required=call.approvals is not None)


def consumers(found: Sequence[Use], old: Document) -> Iterable[Consumer]:
    """Return the uses as the gate names operations. A record belongs to the topics that carry its type."""
    if old.kind == "openapi":
        known = _shapes(old)
        called = {use.target for use in found if use.system == "http"}
        # Thousands of findings are held against every consumer: those of other services stay out.
        ours = {target for target in called if any(_fits(target, shape) for shape in known)}
        for use in found:
            if use.target in ours:
                yield _consumer(use, use.target)
        return
    channels = _channels(old)
    for use in found:
        for address in channels.get((use.system, use.target, use.kind), ()):
            verb = "receive" if use.sends else "send"
            yield _consumer(use, f"{use.system} {address} {verb} {use.kind}")


def overrides(levels: Iterable[str]) -> dict[str, Level]:
    """Return `CODE=LEVEL` pairs as a mapping. Raises UsageError for what is none."""
    found = {}
    known = catalogue().keys() | known_ids()
    for pair in levels:
        code, sign, level = pair.partition("=")
        if not sign or not code or level.upper() not in Level.__members__:
            raise UsageError(
                "LEVEL_INVALID",
                f"--level {pair!r} is not CODE=LEVEL",
                evidence="levels: err, warn, info",
                next_step="--level RESPONSE_PROPERTY_ADDED=warn",
            )
        if code not in known:
            near = difflib.get_close_matches(code, known, n=3)
            raise UsageError(
                "LEVEL_INVALID",
                f"no finding has the code {code!r}",
                evidence=f"near: {', '.join(near)}"
                if near
                else "a level that holds for nothing helps nobody",
                next_step="ccops explain",
            )
        found[code] = Level[level.upper()]
    return found


def _openapi_old(call: Call) -> Document:
    if call.old:
        return openapi_of(call.old, external=call.external, timeout_s=call.timeout_s)
    if call.against and not _is_place(call.against):
        return openapi_at(Commit(call.against, call.folder))
    return openapi_of(call.against or str(call.folder), external=call.external, timeout_s=call.timeout_s)


def _openapi_new(call: Call) -> Document:
    if call.new:
        return openapi_of(call.new, external=call.external, timeout_s=call.timeout_s)
    if not call.app and call.folder.resolve() != packaged_contract().resolve():
        if call.against:
            return openapi_of(str(call.folder), external=call.external, timeout_s=call.timeout_s)
        raise UsageError(
            "SIDE_MISSING",
            "there is nothing to compare with",
            evidence=f"{call.folder / OPENAPI} is the old side; the new one is not named",
            next_step="--app MODULE:ATTRIBUTE, or name NEW, or --against origin/main",
        )
    app = app_of(call)
    return made(dict(export_app(app).document), f"app {app.spec}")


def _is_place(text: str) -> bool:
    return is_url(text) or Path(text).exists()


def _shapes(document: Document) -> set[tuple[str, ...]]:
    """Return the operations of a document as words: ("POST", "api", "events", "{}", "claim")."""
    paths = document.data.get("paths")
    return {
        _words(f"{method.upper()} {path}")
        for path, item in (paths.items() if isinstance(paths, Mapping) else ())
        for method in (item if isinstance(item, Mapping) else ())
    }


def _words(operation: str) -> tuple[str, ...]:
    method, _, path = operation.partition(" ")
    return (method, *_VARIES.sub("{}", path).strip("/").split("/"))


def _fits(target: str, shape: tuple[str, ...]) -> bool:
    mine = _words(target)
    return len(mine) == len(shape) and all(
        ours == theirs or "{}" in ours or "{}" in theirs for ours, theirs in zip(mine, shape, strict=True)
    )


def _channels(document: Document) -> dict[tuple[str, str, str], list[str]]:
    """Return (system, address without parameter names, event type) -> addresses."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for channel in _values(document.data, "channels"):
        address = str(channel.get("address", ""))
        system = "ws" if address.startswith("/") else "kafka"
        messages = channel.get("messages")
        for key in messages if isinstance(messages, Mapping) else ():
            kind = str(key).rpartition(".")[2]
            found.setdefault((system, _VARIES.sub("{}", address), kind), []).append(address)
    return found


def _values(data: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    value = data.get(key)
    return [one for one in value.values() if isinstance(one, Mapping)] if isinstance(value, Mapping) else []


def _consumer(use: Use, operation: str) -> Consumer:
    direction = Direction.REQUEST if use.sends else Direction.RESPONSE
    return Consumer(operation, "" if use.path == "$" else use.path, use.file, use.line, direction)
