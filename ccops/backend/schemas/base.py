"""What every request model shares: no unknown fields, no text that PostgreSQL can't store."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


class RequestModel(BaseModel):
    """A request body; a misspelt field is an error, not silence."""

    model_config = ConfigDict(extra="forbid")


def _storable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not contain NUL")
    return value


# PostgreSQL's text has no NUL; without this it would be the database that refuses.
StorableStr = Annotated[str, AfterValidator(_storable)]
