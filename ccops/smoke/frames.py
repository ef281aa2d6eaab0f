"""Hold every frame of the realtime channel against the contract's schemas, compiled once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ccops.core.bundle import contract_folder, mapping, read_json
from ccops.core.profile import Profile

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

_LONGEST = 240


@dataclass(frozen=True, slots=True)
class Breach:
    """Where a frame breaks the contract: its type, a JSON pointer into it, the schema's sentence."""

    type: str
    pointer: str
    said: str


@dataclass(slots=True)
class FrameSchemas:
    """The frames of the channel at `path`, by type."""

    path: str
    schemas: Mapping[str, tuple[object, object]]
    _compiled: dict[str, tuple[Draft202012Validator, Draft202012Validator]] = field(default_factory=dict)

    def judge(self, frame: Mapping[str, object]) -> Breach | None:
        """Return the gravest breach of `frame`, or None."""
        kind = frame.get("type")
        if not isinstance(kind, str) or kind not in self.schemas:
            return Breach(str(kind), "/type", "is no type of this channel")
        envelope, payload = self._validators(kind)
        for validator, value, prefix in ((envelope, frame, ""), (payload, frame.get("data"), "/data")):
            if wrong := _first(validator, value):
                return Breach(kind, prefix + wrong[0], wrong[1])
        return None

    def _validators(self, kind: str) -> tuple[Draft202012Validator, Draft202012Validator]:
        if kind not in self._compiled:
            from jsonschema import Draft202012Validator

            envelope, payload = self.schemas[kind]
            self._compiled[kind] = (
                Draft202012Validator(mapping(envelope), format_checker=Draft202012Validator.FORMAT_CHECKER),
                Draft202012Validator(mapping(payload), format_checker=Draft202012Validator.FORMAT_CHECKER),
            )
        return self._compiled[kind]


def _first(validator: Draft202012Validator, value: object) -> tuple[str, str] | None:
    from jsonschema.exceptions import best_match

    error = best_match(validator.iter_errors(value))
    if error is None:
        return None
    return "".join(f"/{part}" for part in error.absolute_path), " ".join(error.message.split())[:_LONGEST]


def frame_schemas(profile: Profile | None, target: str) -> FrameSchemas | None:
    """Return the schemas of the channel at `target`; None when the contract promises nothing about it.

    Raises UsageError for a contract that can't be read: what nobody looked at is not fine.
    """
    if profile is None:
        return None
    folder = contract_folder(profile)
    if not (folder / "events.json").is_file():
        return None
    events = read_json(folder, "events.json")
    socket, payloads = mapping(events.get("websocket")), mapping(events.get("payloads"))
    path = socket.get("path")
    if not isinstance(path, str) or urlsplit(target).path != path:
        return None
    types, control = socket.get("types"), mapping(socket.get("control"))
    found = {
        **{str(kind): (socket.get("envelope"), payloads.get(str(kind))) for kind in _list(types)},
        **{str(kind): (socket.get("control_envelope"), schema) for kind, schema in control.items()},
    }
    return FrameSchemas(path, found)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
