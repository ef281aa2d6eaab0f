"""Settings: the only reader of the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Literal, Self, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic.config import JsonDict

_SECRET: JsonDict = {"secret": True}
# What a protected environment asks of a value; it is part of the contract, so that a profile can be judged
# before anything starts. `changed`: not the default. `default`: nothing but it.
_OWN_SECRET: JsonDict = {"secret": True, "when_protected": "changed"}
_TEST_KNOB: JsonDict = {"when_protected": "default"}
_TIME_ZONE: JsonDict = {"format": "time-zone"}
_SHORTEST_ADMIN_PASSWORD = 12
_HEX_KEY = re.compile(r"[0-9a-fA-F]{64}")


class Settings(BaseModel):
    """Every setting of the backend and the worker; a field's upper-case name is its variable.

    Protected environments refuse test knobs and default secrets at start, not at the first request.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    app_env: str = Field("dev", pattern=r"^[a-z][a-z0-9-]*$", description="Suffix of topics and groups")
    protected: bool = Field(False, description="Refuse test knobs and default secrets")
    database_url: str = Field("postgresql://localhost/casino", json_schema_extra=_SECRET)
    redis_url: str = Field("redis://localhost:6379/0", json_schema_extra=_SECRET)
    kafka_bootstrap: str = "localhost:9092"
    clickhouse_url: str = Field("http://default@localhost:8123/casino", json_schema_extra=_SECRET)
    http_host: str = "127.0.0.1"
    http_port: int = Field(8000, ge=1, le=65535)
    worker_http_port: int = Field(8001, ge=1, le=65535)
    listen_fd: int = Field(0, ge=0, description="Inherited listening socket of several processes; 0 = none")
    process_number: int = Field(0, ge=0, description="Which of several processes this is; 0 = the only one")
    process_port: int = Field(0, ge=0, le=65535, description="One of several: a port of its own, for probes")
    prometheus_multiproc_dir: str = Field("", description="One of several: where they keep their metrics")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    jwt_keys: str = Field(
        "dev:insecure-development-key-of-32-bytes-or-more",
        description="kid:secret,kid:secret; the first signs, all verify",
        json_schema_extra=_OWN_SECRET,
    )
    webhook_secrets: str = Field(
        "insecure-development-webhook-secret",
        description="Comma list; the first signs, all verify",
        json_schema_extra=_OWN_SECRET,
    )
    pii_keys: str = Field(
        "dev:" + "00" * 32,
        description="kid:hex of 32 bytes; the first encrypts, all decrypt",
        json_schema_extra=_OWN_SECRET,
    )
    access_ttl_s: int = Field(
        900, ge=1, le=86_400, description="Lifetime of an access token", json_schema_extra=_TEST_KNOB
    )
    refresh_ttl_s: int = Field(1_209_600, ge=1, description="Lifetime of a refresh token")
    refresh_leeway_s: int = Field(5, ge=0, le=60, description="A lost answer may be retried this long")
    argon2_profile: Literal["prod", "test"] = Field("prod", json_schema_extra=_TEST_KNOB)
    lockout_failures: int = Field(5, ge=1, description="Failures before an account is locked")
    lockout_window_s: int = Field(600, ge=1, description="Window of the failures and length of the lock")
    lockout_ip_failures: int = Field(
        30, ge=0, description="Failures before an address is locked; 0 = never, as behind a proxy"
    )
    game_tz: str = Field("Asia/Seoul", description="Calendar of streaks", json_schema_extra=_TIME_ZONE)
    game_clock_offset_s: int = Field(
        0,
        ge=-315_360_000,
        le=315_360_000,
        description="Test knob: shifts the game calendar",
        json_schema_extra=_TEST_KNOB,
    )
    unlimited_invite_code: str = Field(
        "",
        description="An invite code without a limit; empty = none",
        json_schema_extra={"refused_when_protected": ["5858"]},
    )
    signup_gold: int = Field(1_000, ge=0, description="Gold granted at signup")
    crash_betting_s: int = Field(5, ge=1, le=60, description="How long a round of crash takes bets")
    limited_hold_s: int = Field(120, ge=1, le=3_600, description="How long a limited package is held")
    fraud_window_s: int = Field(60, ge=1, le=3_600, description="Window of the two limits below")
    fraud_payment_limit: int = Field(
        5, ge=0, description="Payments one user may start in the window; 0 = any"
    )
    fraud_item_limit: int = Field(0, ge=0, description="Gold purchases in the window; 0 = any")
    admin_site_id: str = Field(
        "",
        pattern=r"^$|^[A-Za-z0-9_.@+-]{3,64}$",
        description="Administrator that the seed keeps; empty = none",
    )
    admin_password: str = Field(
        "", max_length=128, description="Their password, 12 characters or more", json_schema_extra=_SECRET
    )
    minimum_age: int = Field(19, ge=0, description="Years of age for adult features")
    pool_size: int = Field(16, ge=1, le=100)
    mock_gateway: bool = Field(
        True,
        description="Answer gold-pack payments from the built-in gateway",
        json_schema_extra={"when_protected": "changed"},
    )
    allow_ws_query_token: bool = Field(False, description="Take a socket's token from its address too")
    enable_legacy_games_ws: bool = Field(False, description="Answer on the old games socket")
    ws_ping_every_s: float = Field(15, gt=0, le=60, description="Pause between pings, and of heartbeats")
    ws_pong_within_s: float = Field(10, gt=0, le=60, description="A pong later than this ends the socket")
    ws_position_check_s: float = Field(
        25, gt=0, le=300, description="How often sockets are compared with Redis and with their sessions"
    )
    realtime_rate: float = Field(20, gt=0, description="Frames a second of one user that pass unhindered")
    realtime_burst: int = Field(40, ge=1, description="How many of them may come at once")
    realtime_hold_ms: int = Field(
        250, ge=0, le=5_000, description="How long the frames of a user above that rate are gathered"
    )
    fault: Literal["", "ledger", "ws", "kafka"] = Field(
        "", description="Test knob: plant a fault", json_schema_extra=_TEST_KNOB
    )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Return the settings found in `environ`; unknown variables are not ours to judge."""
        known = {name: environ[name.upper()] for name in cls.model_fields if name.upper() in environ}
        return cls.model_validate(known)

    @field_validator("jwt_keys", "pii_keys")
    @classmethod
    def _has_keys(cls, value: str, info: ValidationInfo) -> str:
        # A key that can't be used must stop the start, not the first login. The value is never named.
        pairs = [pair.partition(":") for pair in value.split(",") if pair]
        if not pairs or not all(kid and secret for kid, _, secret in pairs):
            raise ValueError("must be kid:key[,kid:key]")
        if info.field_name == "pii_keys" and not all(_HEX_KEY.fullmatch(key) for _, _, key in pairs):
            raise ValueError("each key must be 64 hex digits")
        return value

    @field_validator("webhook_secrets")
    @classmethod
    def _has_secret(cls, value: str) -> str:
        if not value.split(",")[0]:
            raise ValueError("the first one signs and must not be empty")
        return value

    @field_validator("game_tz")
    @classmethod
    def _is_time_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("is not a time zone of this machine") from error
        return value

    @model_validator(mode="after")
    def _gives_the_administrator_a_password(self) -> Self:
        # A password alone names nobody: the stack makes one for whoever may want it.
        if self.admin_site_id and len(self.admin_password) < _SHORTEST_ADMIN_PASSWORD:
            raise ValueError(f"ADMIN_PASSWORD is shorter than {_SHORTEST_ADMIN_PASSWORD} characters")
        return self

    @model_validator(mode="after")
    def _refuse_test_values_when_protected(self) -> Self:
        if not self.protected:
            return self
        refused = [name.upper() for name in type(self).model_fields if self._is_refused(name)]
        if refused:
            raise ValueError(f"refused in a protected environment: {', '.join(refused)}")
        return self

    def _is_refused(self, name: str) -> bool:
        default, rules, value = type(self).model_fields[name].default, _rules(name), getattr(self, name)
        wanted = rules.get("when_protected")
        return (
            (wanted == "changed" and value == default)
            or (wanted == "default" and value != default)
            or value in cast(list[object], rules.get("refused_when_protected", []))
        )

    def public(self) -> dict[str, bool | int | float | str]:
        """Return every setting that is no secret, by the name of its variable."""
        return {
            name.upper(): getattr(self, name)
            for name in type(self).model_fields
            if not _rules(name).get("secret")
        }

    def topic(self, stem: str) -> str:
        """Return the topic `cc.<domain>.<purpose>` of this environment."""
        return f"cc.{stem}.{self.app_env}"


def _rules(name: str) -> JsonDict:
    extra = Settings.model_fields[name].json_schema_extra
    return extra if isinstance(extra, dict) else {}


settings = Settings.from_environ(os.environ)
