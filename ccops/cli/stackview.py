"""How the stack's services look on a screen and in JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

from ccops.core.masking import mask_urls
from ccops.core.output import Output, Report
from ccops.stack.control import Event
from ccops.stack.logview import Line
from ccops.stack.monitoring import Watch
from ccops.stack.state import Phase, ServiceState, StackState

if TYPE_CHECKING:
    from rich.console import Console


class Progress:
    """Listens to `engine.up`: one line for each service as it settles."""

    def __init__(self, stream: TextIO) -> None:
        self.already = False
        self._stream = stream

    def __call__(self, event: Event) -> None:
        if event.kind == "already":
            self.already = True
        elif event.service is not None:
            self._stream.write(service_line(event.service) + "\n")
        elif event.text:
            self._stream.write(event.text + "\n")
        self._stream.flush()


def service_line(item: ServiceState) -> str:
    """Return the line of one service: name, phase, seconds, address, and what there is to say."""
    phase = "FAILED" if item.phase is Phase.FAILED else item.phase.value
    seconds = f"{item.ready_s:.1f}s" if item.ready_s else ""
    said = f"install: {item.detail}" if item.phase is Phase.ABSENT else item.detail
    return f"  {item.name:<14} {phase:<10} {seconds:>6}  {item.address:<16}  {said}".rstrip()


def service_rows(state: StackState) -> list[dict[str, object]]:
    """Return the services as plain data."""
    now = time.time()
    return [
        {
            "name": item.name,
            "state": item.phase.value,
            "pid": item.pid or None,
            "address": item.address or None,
            "port": int(item.address.rpartition(":")[2]) if item.address else None,
            "uptime_s": round(now - item.started, 1) if item.pid else None,
            "ready_s": item.ready_s,
            "restarts": item.restarts,
            "probe": item.probe or None,
            "answer": item.answer or None,
            "detail": item.detail or None,
            "note": item.note or None,
            "overrides": list(item.overrides),
        }
        for item in state.services.values()
    ]


def watch_line(seen: Watch) -> str:
    """Return the line of what Prometheus watches: `rules loaded n/n   targets up n/n`, and what is not."""
    said = f"rules loaded {seen.rules_loaded}/{seen.rules_expected}   "
    said += f"targets up {seen.targets_up}/{seen.targets_expected}"
    if seen.asked == "directly":
        said += " (asked directly; Prometheus looks about 5 s after its start)"
    if seen.targets_down:
        said += f"   down: {', '.join(seen.targets_down)}"
    if seen.rules_failing:
        said += f"   failing: {', '.join(seen.rules_failing)}"
    return said


def watch_rows(seen: Watch | None) -> dict[str, object]:
    """Return the same as plain data; `monitoring` is null where no Prometheus answers."""
    if seen is None:
        return {"monitoring": None}
    rules = {
        "loaded": seen.rules_loaded,
        "expected": seen.rules_expected,
        "failing": list(seen.rules_failing),
    }
    targets = {
        "up": seen.targets_up,
        "expected": seen.targets_expected,
        "down": list(seen.targets_down),
        "asked": seen.asked,
    }
    return {"monitoring": {"rules": rules, "targets": targets}}


def log_line(line: Line, output: Output) -> str:
    """Return one log line: `service | text`, or one JSON object a line. Passwords in URLs are masked."""
    text = mask_urls(line.text)
    if output is Output.TEXT:
        return f"{line.service:<14} | {text}\n"
    return json.dumps({"service": line.service, "text": text}, ensure_ascii=False) + "\n"


def logs_report(env: str, lines: Iterable[Line]) -> Report:
    """Return log lines as one document, for the machine formats without --follow."""
    rows = [{"service": line.service, "text": mask_urls(line.text)} for line in lines]
    return Report("ccops.stack.logs/v1", {"lines": rows}, env=env)


def env_text(text: str, output: Output) -> str:
    """Return the KEY=VALUE lines of `text` as they are, or as one JSON object (which YAML reads, too)."""
    if output in {Output.TEXT, Output.MD}:
        return text
    pairs = (line.partition("=") for line in text.splitlines() if line)
    return json.dumps({key: value for key, _, value in pairs}, indent=2) + "\n"


def print_status(console: Console, state: StackState, watched: str = "") -> None:
    """Draw the table of `ccops status`, then one line for each note."""
    # On Docker nobody of ours supervises: the engine does.
    who = f"supervisor pid {state.pid}" if state.pid else "on Docker"
    console.print(f"stack {state.env}  {who}  up {_age(time.time() - state.started)}")
    console.print(
        f"  {'service':<14} {'state':<10} {'pid':>7}  {'address':<16} {'uptime':>7} {'restarts':>8}  probe"
    )
    for item in state.services.values():
        age = _age(time.time() - item.started) if item.pid else ""
        said = f"install: {item.detail}" if item.phase is Phase.ABSENT else _said(item)
        console.print(
            f"  {item.name:<14} {item.phase.value:<10} {item.pid or '':>7}  {item.address:<16} {age:>7} "
            f"{item.restarts:>8}  {said}",
            markup=False,
        )
    if watched:
        console.print(f"  {watched}", markup=False)
    for item in state.services.values():
        if item.note:
            console.print(f"  note {item.name}: {item.note}", markup=False)


def _said(item: ServiceState) -> str:
    answer = f"{item.probe} -> {item.answer}" if item.probe else item.answer
    extra = f"  set: {', '.join(item.overrides)}" if item.overrides else ""
    return f"{item.detail or answer}{extra}"


def _age(seconds: float) -> str:
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole}s"
    minutes, _ = divmod(whole, 60)
    return f"{minutes}m" if minutes < 120 else f"{minutes // 60}h{minutes % 60:02}m"
