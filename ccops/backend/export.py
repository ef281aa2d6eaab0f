"""Write the contract bundle from the code: `python -m ccops.backend.export [--check]`.

Every file is deterministic: sorted, newline-terminated, without times. `--check` writes nothing and exits 1
when a committed file is stale.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import yaml
from prometheus_client import Counter, Gauge, Histogram
from pydantic import BaseModel

from ccops.backend import export_schema, invariants, metrics
from ccops.backend.core.config import Settings
from ccops.backend.core.config import settings as app_settings
from ccops.backend.outbox import SOURCES
from ccops.backend.schemas.client import CLIENT
from ccops.backend.schemas.control import CONTROL, ControlFrame
from ccops.backend.schemas.payloads import PAYLOADS, TOPIC_TYPES, Frame, Record
from ccops.backend.utils import redis as stores

TARGET = Path(__file__).parent / "contract"


def openapi() -> str:
    """Return the OpenAPI document."""
    from ccops.backend.main import create_app

    return _json(create_app().openapi())


def events() -> str:
    """Return the payloads of WebSocket frames and Kafka records as JSON schemas."""
    return _json(
        {
            "payloads": {name: _schema(model) for name, model in PAYLOADS.items()},
            "websocket": {
                "path": "/api/realtime/sync",
                "envelope": _schema(Frame),
                "types": sorted(metrics.EVENT_TYPES),
                "control_envelope": _schema(ControlFrame),
                "control": {name: _schema(model) for name, model in CONTROL.items()},
                "client": {name: _schema(model) for name, model in CLIENT.items()},
            },
            "kafka": {
                "envelope": _schema(Record),
                "topics": {f"cc.{stem}.{{env}}": list(types) for stem, types in TOPIC_TYPES.items()},
            },
        }
    )


def metrics_file() -> str:
    """Return every metric: type, help, labels (a list of values when closed, null when open), buckets."""
    declared = [item for item in vars(metrics).values() if isinstance(item, Counter | Gauge | Histogram)]
    return _yaml({_full_name(item): _metric(item) for item in declared})


def topics() -> str:
    """Return every topic with its types and consumer groups."""
    from ccops.backend.kafka_client import PARTITIONS
    from ccops.backend.olap.domains import DOMAINS

    groups = {stem: f"cc.{domain.name}.clickhouse.{{env}}" for domain in DOMAINS for stem in domain.tables}
    tables = {stem: table.name for domain in DOMAINS for stem, table in domain.tables.items()}
    return _yaml(
        {
            f"cc.{stem}.{{env}}": {
                "key": "user_id",
                "partitions": PARTITIONS,
                "types": list(TOPIC_TYPES[stem]),
                "headers": ["event_id", "trace_id", "request_id", "schema"],
                "groups": [groups[stem]] if stem in groups else [],
                "table": tables.get(stem, ""),
                "source": SOURCES.get(stem, ""),
            }
            for stem in metrics.TOPIC_STEMS
        }
    )


def redis_file() -> str:
    """Return every Redis key and channel."""
    keys = {key.pattern: {"type": key.kind, "ttl_s": key.ttl_s, "owner": key.owner} for key in stores.KEYS}
    return _yaml({"keys": keys, "channels": sorted((stores.RT_CHANNEL, stores.WAKE_CHANNEL))})


def settings() -> str:
    """Return every setting; the default of a secret is not part of the contract."""
    properties = cast(Mapping[str, Mapping[str, object]], Settings.model_json_schema()["properties"])
    return _json({name.upper(): _setting(schema) for name, schema in properties.items()})


FILES: Mapping[str, Callable[[], str]] = {
    "openapi.json": openapi,
    "events.json": events,
    "metrics.yml": metrics_file,
    "topics.yml": topics,
    "redis.yml": redis_file,
    "settings.json": settings,
    "invariants.sql": invariants.script,
    "schema.json": lambda: _json(export_schema.postgres()),
    "clickhouse.json": lambda: _json(export_schema.clickhouse()),
}


def stale(target: Path = TARGET) -> list[str]:
    """Return the names of files that are not what the code says."""
    return [name for name, render in FILES.items() if _read(target / name) != render()]


def main(argv: Sequence[str] | None = None) -> int:
    """Write or check the bundle."""
    parser = argparse.ArgumentParser(prog="python -m ccops.backend.export", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    names = stale()
    if parser.parse_args(argv).check:
        sys.stdout.write("".join(f"stale: {name}\n" for name in names) or "the contract is up to date\n")
        return 1 if names else 0
    TARGET.mkdir(exist_ok=True)
    for name in names:
        (TARGET / name).write_text(FILES[name](), encoding="utf-8")
    sys.stdout.write("".join(f"wrote {name}\n" for name in names) or "nothing changed\n")
    return 0


def _schema(model: type[BaseModel]) -> object:
    return model.model_json_schema()


def _full_name(metric: Counter | Gauge | Histogram) -> str:
    family = next(iter(metric.describe()))
    return f"{family.name}_total" if isinstance(metric, Counter) else family.name


def _metric(metric: Counter | Gauge | Histogram) -> dict[str, object]:
    family = next(iter(metric.describe()))
    # The library has no public way to ask for names of labels without children, nor for buckets.
    names = cast(tuple[str, ...], metric._labelnames)
    children = cast(Mapping[tuple[str, ...], object], getattr(metric, "_metrics", {}))
    described: dict[str, object] = {
        "type": family.type,
        "help": family.documentation,
        "labels": {
            name: sorted({_without_env(values[at]) for values in children}) or None
            for at, name in enumerate(names)
        },
    }
    if isinstance(metric, Histogram):
        described["buckets"] = [float(bound) for bound in metric._kwargs["buckets"]]
    return described


def _without_env(value: str) -> str:
    stem = value.removeprefix("cc.").removesuffix(f".{app_settings.app_env}")
    return f"cc.{stem}.{{env}}" if stem in metrics.TOPIC_STEMS else value


def _setting(schema: Mapping[str, object]) -> dict[str, object]:
    kept = {name: value for name, value in schema.items() if name != "title"}
    if kept.get("secret"):
        default = str(kept.pop("default", ""))
        if kept.get("when_protected"):  # enough to refuse it, and no more
            kept["default_sha256"] = hashlib.sha256(default.encode()).hexdigest()
    return kept


def _json(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _yaml(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=True, allow_unicode=True, width=100)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


if __name__ == "__main__":
    sys.exit(main())
