"""Acts that change the stack itself or write past the outbox: on a stack of ours that nobody protects."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping

from ccops.core.errors import Refused, UsageError
from ccops.core.profile import Profile
from ccops.smoke.acts import ActContext, Answer
from ccops.smoke.probes.base import QueryFailed, plain
from ccops.smoke.probes.kafka import write_record


async def restart(context: ActContext, args: object) -> Answer:
    """`restart: {service: backend, set: {NAME: value}}`."""
    from ccops.stack import stacks

    words = _words(args)
    service = str(words.get("service", ""))
    given = words.get("set")
    settings = {name: str(text) for name, text in given.items()} if isinstance(given, Mapping) else {}
    profile, sent = _own(context, f"restart {service}"), time.monotonic()
    await asyncio.to_thread(stacks.restart, profile, service, settings)
    said = " ".join(f"{name}={value}" for name, value in settings.items())
    return _done(f"restart {service} {said}".rstrip(), sent)


async def stop(context: ActContext, args: object) -> Answer:
    """`stop: {service: kafka}`, until `start`."""
    from ccops.stack import stacks

    service = str(_words(args).get("service", ""))
    profile, sent = _own(context, f"stop {service}"), time.monotonic()
    if not await asyncio.to_thread(stacks.down, profile, (service,)):
        raise QueryFailed(f"{service} did not run")
    return _done(f"stop {service}", sent)


async def start(context: ActContext, args: object) -> Answer:
    """`start: {service: kafka}`, and wait until it is ready."""
    from ccops.stack import stacks

    service = str(_words(args).get("service", ""))
    profile, sent = _own(context, f"start {service}"), time.monotonic()
    await asyncio.to_thread(stacks.up, profile, (service,))
    return _done(f"start {service}", sent)


async def rules(context: ActContext, args: object) -> Answer:
    """`rules: {time_scale: 0.03, set: {NAME: value}}` loads the rules, verified; `{}` the profile's."""
    from ccops.rules.apply import apply
    from ccops.rules.jobs import job_of
    from ccops.rules.project import Options
    from ccops.rules.scaling import parse_scale

    words = _words(args)
    profile = _own(context, "load rules")
    sets = {name: str(plain(text)) for name, text in _words(words.get("set") or {}).items()}
    scale = str(plain(words.get("time_scale", 1)))
    sent = time.monotonic()
    job = job_of(profile, Options(sets, parse_scale(scale)), reason=f"scenario step {context.step}")
    done = await asyncio.to_thread(apply, job)
    return _done(f"rules: {done.plan.count} loaded and evaluated, times {scale}", sent)


async def produce(context: ActContext, args: object) -> Answer:
    """`produce: {topic, value, key, headers}` writes one record past the outbox."""
    words = _words(args)
    topic, value = str(words.get("topic", "")), words.get("value")
    _own(context, f"write to {topic}")
    payload = (value if isinstance(value, str) else json.dumps(plain(value))).encode()
    headers = {name: str(text) for name, text in _words(words.get("headers") or {}).items()}
    key, bootstrap = str(words.get("key", "")).encode(), context.systems.targets.url("kafka")
    sent = time.monotonic()
    place = await asyncio.to_thread(write_record, bootstrap, topic, payload, key, headers)
    took = round((time.monotonic() - sent) * 1000, 1)
    return Answer("kafka", f"produce to {topic}", sent, took, body=place, rows=[place])


def _own(context: ActContext, what: str) -> Profile:
    """Return the profile when its stack is ours to break. Raises Refused for any other."""
    profile = context.systems.targets.profile
    if profile is None:
        raise UsageError("SCENARIO_INVALID", f"can't {what} without a profile")
    if profile.protected or not profile.ours:
        raise Refused(
            "ACT_REFUSED",
            f"a scenario may {what} on an unprotected stack of ours only, not on {profile.env}",
            evidence=f"CCOPS_STACK={profile.stack_kind}, CCOPS_PROTECTED={int(profile.protected)}",
            next_step="--env dev",
        )
    return profile


def _words(args: object) -> Mapping[str, object]:
    if not isinstance(args, Mapping):
        raise UsageError("SCENARIO_INVALID", f"expected a mapping, got {args!r}")
    return args


def _done(said: str, sent: float) -> Answer:
    return Answer("engine", said, sent, round((time.monotonic() - sent) * 1000, 1))
