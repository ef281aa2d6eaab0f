"""Run the exporter: python -m ccops.stack.kafka_exporter --bootstrap HOST:PORT --port N --env NAME."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from ccops.stack.kafka_exporter.cluster import Cluster
from ccops.stack.kafka_exporter.text import page


def declared(path: Path, env: str) -> dict[str, frozenset[str]]:
    """Return the topics of each group that `topics.yml` declares, for `env`."""
    import yaml

    plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    found: dict[str, set[str]] = {}
    for topic, about in plain.items():
        for group in about.get("groups") or ():
            found.setdefault(group.format(env=env), set()).add(topic.format(env=env))
    return {group: frozenset(topics) for group, topics in found.items()}


def main(argv: list[str]) -> None:
    """Serve until a signal ends the process."""
    from ccops.core.bundle import packaged_contract
    from ccops.stack.kafka_exporter.serve import serve

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    parser = argparse.ArgumentParser(prog="python -m ccops.stack.kafka_exporter")
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--env", default="dev")
    parser.add_argument("--topics", type=Path, default=packaged_contract() / "topics.yml")
    chosen = parser.parse_args(argv)
    cluster = Cluster(chosen.bootstrap, declared(chosen.topics, chosen.env))
    serve(chosen.host, chosen.port, lambda: page(cluster.look()))


if __name__ == "__main__":
    main(sys.argv[1:])
