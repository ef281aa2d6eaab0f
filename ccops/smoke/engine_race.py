"""Many requests at the same moment, each on a connection of its own."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from ccops.clients.http import open_http
from ccops.core.errors import UsageError
from ccops.smoke.acts import ActContext, Answer, send
from ccops.smoke.engine_checks import checks
from ccops.smoke.expressions import render
from ccops.smoke.model import Act

if TYPE_CHECKING:
    import httpx

_MOST = 1000
# Files a run has open besides the race's own connections: stores, watchers, reports, modules.
_SPARE_FILES = 100


async def race(context: ActContext, act: Act) -> Answer:
    """Release `n` copies of the one inner request together; the answer is the histogram of their statuses.

    All share the trace of the step, so its effects count what the whole stampede did.
    """
    args = render(act.args, context.scope)
    words = args if isinstance(args, Mapping) else {}
    number, name = int(str(words.get("n", 2))), words.get("as")
    check_size(number)
    inner = act.steps[0]
    requests: list[Mapping[str, object]] = []
    for place in range(number):
        own = render(inner.act.args, {**context.scope, **({str(name): place} if name else {})})
        requests.append(own if isinstance(own, Mapping) else {})
    sent, answers = await _stampede(context, requests)
    wrong = [
        check
        for answer in (answers if inner.expect else [])
        for check in checks(inner.expect, answer, context.scope, {})
        if not check.ok
    ]
    outcomes = Counter(str(answer.status) for answer in answers)
    if wrong:
        outcomes[f"{wrong[0].label}: {wrong[0].observed}"] += len(wrong)
    shown = ", ".join(f"{count} x {status}" for status, count in sorted(outcomes.items()))
    rows = [{"index": i, "status": one.status, "body": one.body} for i, one in enumerate(answers)]
    return Answer(
        "http",
        f"race of {number}: {shown}",
        sent,
        round((time.monotonic() - sent) * 1000, 1),
        rows=rows,
        body=rows,
        evidence=next((one.evidence for one in answers if one.status and one.status < 300), ""),
        outcomes=dict(outcomes),
    )


def check_size(number: int) -> None:
    """Raise UsageError when so many connections are not allowed, by us or by this machine."""
    if not 1 <= number <= _MOST:
        raise UsageError("RACE_SIZE", f"race n is {number}", evidence=f"allowed are 1 to {_MOST}")
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and number + _SPARE_FILES > files:
        raise UsageError(
            "RACE_SIZE",
            f"race n is {number} and this process may open {files} files",
            evidence=f"each request has a connection of its own; {_SPARE_FILES} files are kept for the rest",
            next_step=f"ulimit -n {number + _SPARE_FILES}, or a smaller n",
        )


async def _stampede(context: ActContext, requests: list[Mapping[str, object]]) -> tuple[float, list[Answer]]:
    gate = asyncio.Event()
    async with AsyncExitStack() as stack:
        url = context.systems.targets.url("http")
        clients = [await stack.enter_async_context(open_http(url, timeout=30.0)) for _ in requests]
        await asyncio.gather(*(_connect(client) for client in clients))

        async def one(place: int) -> Answer:
            await gate.wait()
            return await send(clients[place], requests[place], context.trace, place)

        tasks = [asyncio.create_task(one(place)) for place in range(len(requests))]
        await asyncio.sleep(0)
        sent = time.monotonic()
        gate.set()
        done = await asyncio.gather(*tasks, return_exceptions=True)  # wait for all, also after a failure
    answers = [one for one in done if isinstance(one, Answer)]
    for problem in done:
        if isinstance(problem, BaseException):
            raise problem
    return sent, answers


async def _connect(client: httpx.AsyncClient) -> None:
    """Open the connection beforehand, so that the race is between requests and not between handshakes."""
    import httpx

    with contextlib.suppress(httpx.TransportError):
        await client.get("/health")
