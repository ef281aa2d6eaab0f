"""How the `data` of a Kafka record becomes the columns of its table.

A reader takes the record's type and data and raises BadRecord, or what a wrong type raises by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import orjson

Row = dict[str, object]
Data = Mapping[str, object]


class BadRecord(ValueError):
    """A record that can never become a row."""


def action(_: str, data: Data) -> Row:
    """Return the columns of an action; game and amount are what its context says of them."""
    context = data.get("context")
    known: Data = context if isinstance(context, Mapping) else {}
    game, amount = known.get("game"), known.get("bet", known.get("amount"))
    return {
        "action_type": text(data, "action_type"),
        "game": game if isinstance(game, str) else "",
        "amount": amount if _is_int64(amount) else 0,
        "context": orjson.dumps(context).decode(),
    }


def ledger(_: str, data: Data) -> Row:
    """Return the columns of a posting."""
    texts = ("counter_account", "reason", "ref_type", "ref_id")
    return {
        "seq": number(data, "seq", low=1),
        "delta": number(data, "delta"),
        "balance_after": number(data, "balance_after", low=0),
        **{name: text(data, name) for name in texts},
    }


def game_round(_: str, data: Data) -> Row:
    """Return the columns of a settled round."""
    return {
        "round_id": str(UUID(text(data, "round_id"))),
        "game": text(data, "game"),
        "bet": number(data, "bet", low=1),
        "payout": number(data, "payout", low=0),
        "outcome": orjson.dumps(data.get("outcome")).decode(),
        "nonce": number(data, "nonce", low=0),
    }


def purchase(_: str, data: Data) -> Row:
    """Return the columns of a step of a purchase."""
    amounts = ("amount_gold", "amount_cents")
    return {
        "transaction_id": str(UUID(text(data, "transaction_id"))),
        "status": text(data, "status"),
        "product_id": text(data, "product_id"),
        "kind": text(data, "kind"),
        "qty": number(data, "qty", low=1),
        **{name: number(data, name) if data.get(name) is not None else 0 for name in amounts},
        "reason": _text_or_nothing(data, "reason"),
    }


def reward(_: str, data: Data) -> Row:
    """Return the columns of a reward."""
    return {
        "reward_type": text(data, "reward_type"),
        "amount": number(data, "amount"),
        "balance_after": number(data, "balance_after", low=0),
        "source": text(data, "source"),
        "ledger_seq": number(data, "ledger_seq", low=1),
    }


# What the progress of each type is of, and how far it is.
_PROGRESS = {
    "achievement_progress": ("achievement_code", "progress"),
    "event_progress": ("event_id", "progress"),
    "streak_update": ("action_type", "streak_count"),
}


def progress(kind: str, data: Data) -> Row:
    """Return the columns of progress in an achievement, an event or a streak (which has no goal)."""
    if kind not in _PROGRESS:
        raise BadRecord(f"{kind[:50]!r} is no progress")
    subject, count = _PROGRESS[kind]
    return {
        "kind": kind,
        "subject": text(data, subject),
        "progress": number(data, count, low=0),
        "goal": number(data, "goal", low=0) if kind != "streak_update" else 0,
        "unlocked": _flag(data, "unlocked"),
        "claimed": _flag(data, "claimed"),
    }


def security(kind: str, data: Data) -> Row:
    """Return the columns of what happened to an account; a signup is such an event too."""
    if kind not in {"security", "signup"}:
        raise BadRecord(f"{kind[:50]!r} is no security event")
    return {
        "event": text(data, "event") if kind == "security" else "signup",
        "result": _text_or_nothing(data, "result"),
        "sessions": number(data, "sessions", low=0) if data.get("sessions") is not None else 0,
        "rank": _text_or_nothing(data, "rank"),
        "previous_rank": _text_or_nothing(data, "previous_rank"),
    }


def text(data: Data, name: str) -> str:
    """Return a string; raises BadRecord for anything else."""
    value = data[name]
    if not isinstance(value, str):
        raise BadRecord(f"{name} is not a string")
    return value


def number(data: Data, name: str, *, low: int = -(2**63)) -> int:
    """Return a whole number that fits 64 bits; raises BadRecord for anything else."""
    value = data[name]
    if not isinstance(value, int) or not _is_int64(value) or value < low:
        raise BadRecord(f"{name} is not a number in range")
    return value


def _text_or_nothing(data: Data, name: str) -> str:
    return text(data, name) if data.get(name) is not None else ""


def _flag(data: Data, name: str) -> bool:
    value = data.get(name, False)
    if not isinstance(value, bool):
        raise BadRecord(f"{name} is neither true nor false")
    return value


def _is_int64(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
