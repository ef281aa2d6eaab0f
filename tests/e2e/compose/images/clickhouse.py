"""Stands in for the official image: the embedded front listens on loopback only, so a forwarder is in front.

8123 is the HTTP interface; 9363 leads to the same server, whose /metrics is there too.
"""

import asyncio
import subprocess
import sys

INNER = 18123


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        inner = await asyncio.open_connection("127.0.0.1", INNER)
    except OSError:
        writer.close()
        return
    await asyncio.gather(_pump(reader, inner[1]), _pump(inner[0], writer))


async def _main(child: "subprocess.Popen[bytes]") -> int:
    for port in (8123, 9363):
        await asyncio.start_server(_serve, "0.0.0.0", port)
    return await asyncio.to_thread(child.wait)


if __name__ == "__main__":
    where = ["--data", "/var/lib/clickhouse", "--port", str(INNER), "--database", "casino"]
    secret = ["--password-file", "/run/secrets/clickhouse_password"]
    argv = [sys.executable, "-P", "-m", "ccops.stack.clickhouse_front", *where, *secret]
    sys.exit(asyncio.run(_main(subprocess.Popen(argv))))
