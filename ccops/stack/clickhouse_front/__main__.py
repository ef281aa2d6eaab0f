"""The process: read the options, open the engine, serve, stop on a signal."""

from __future__ import annotations

import argparse
import errno
import ipaddress
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

from ccops.core.errors import CcopsError, Refused, UsageError
from ccops.stack.clickhouse_front.auth import Gate
from ccops.stack.clickhouse_front.config import prepare
from ccops.stack.clickhouse_front.engine import Engine
from ccops.stack.clickhouse_front.loader import load
from ccops.stack.clickhouse_front.lock import hold
from ccops.stack.clickhouse_front.server import Front

logger = logging.getLogger("ccops.stack.clickhouse_front")

_MIB = 1 << 20


def main(argv: list[str] | None = None) -> int:
    """Serve until a signal; 0 after a clean stop, 2 for a wrong call, 3 when refused."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        return _serve(_options().parse_args(argv))
    except CcopsError as error:
        hint = f" Next: {error.next_step}" if error.next_step else ""
        sys.stderr.write(f"error {error.code}: {error.message}.{hint}\n")
        return int(error.exit_code)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ccops.stack.clickhouse_front",
        description="Serve ClickHouse's HTTP interface over an embedded engine, on this machine only.",
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="where tables are kept")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8123, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--password-file", type=Path, required=True, metavar="FILE", help="first line: the password"
    )
    parser.add_argument(
        "--database", default="casino", help="created if missing, used when a request names none"
    )
    parser.add_argument(
        "--max-body-mib", type=int, default=256, help="largest request body (default: %(default)s)"
    )
    parser.add_argument("--grace", type=float, default=5.0, help="seconds running queries get at a stop")
    return parser


def _serve(options: argparse.Namespace) -> int:
    started = time.perf_counter()
    host = _loopback(options.host)
    gate = Gate(_password(options.password_file))
    front = _bind(host, options.port, options.max_body_mib * _MIB, options.database, gate)
    layout = prepare(options.data)
    with hold(layout):
        engine = Engine(load(), layout, options.database)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):  # after the engine, which sets handlers of its own
            signal.signal(number, lambda *_: stop.set())
        front.serve(engine)
        logger.info(
            "ready: http://%s:%d chdb %s database %s in %.2f s",
            *(host, front.server_port, engine.version, options.database, time.perf_counter() - started),
        )
        stop.wait()
        return _stop(front, engine, options.grace)


def _stop(front: Front, engine: Engine, grace: float) -> int:
    if not front.stop(grace):
        logger.warning("queries were still running after %.1f s: cancelled", grace)
        engine.cancel_all()
        time.sleep(0.2)
        # Closing the engine under a running query would crash; its own files survive a kill.
        os._exit(0)
    engine.close()
    logger.info("stopped")
    return 0


def _loopback(host: str) -> str:
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise UsageError(
            "CLICKHOUSE_HOST", f"{host!r} is not an IP address", next_step="use 127.0.0.1"
        ) from None
    if not address.is_loopback:
        raise Refused(
            "CLICKHOUSE_HOST_NOT_LOOPBACK",
            f"refusing to listen on {address}: this front has no TLS and one password",
            next_step="use --host 127.0.0.1",
        )
    return str(address)


def _password(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(
            "CLICKHOUSE_PASSWORD_FILE", f"cannot read the password file {path}: {reason}"
        ) from None
    if not lines or not lines[0]:
        raise UsageError(
            "CLICKHOUSE_PASSWORD_FILE", f"the password file {path} has no password on its first line"
        )
    return lines[0]


def _bind(host: str, port: int, body_limit: int, database: str, gate: Gate) -> Front:
    try:
        return Front(host, port, body_limit=body_limit, database=database, gate=gate)
    except (OSError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        raise Refused(
            "CLICKHOUSE_PORT_TAKEN" if taken else "CLICKHOUSE_PORT_UNUSABLE",
            f"port {port} on {host} is taken by another process"
            if taken
            else f"cannot bind {host}:{port}: {error}",
            next_step="stop that process, or choose another --port",
        ) from None


if __name__ == "__main__":
    sys.exit(main())
