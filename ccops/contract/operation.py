"""One operation that both documents have: its marks, parameters, bodies, answers and callbacks.

Inside callbacks and webhooks the service is the one that calls, so directions are turned round.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ccops.contract import headers, lifecycle, parameters, security
from ccops.contract.collect import Collector, Use
from ccops.contract.load import step
from ccops.contract.match import Operation, operations, pair
from ccops.contract.model import Direction, Verdict
from ccops.contract.normalise import Source, Sub

_TEXTS = ("application/x-www-form-urlencoded", "text/", "xml")  # everything in them is text


Held = Mapping[str, object]


def calls_back(collector: Collector, olds: list[Operation], news: list[Operation], what: str) -> None:
    """Compare calls that the service makes."""
    pairs, gone, come = pair(olds, news)
    for one in gone:
        collector.add(
            f"{what}_REMOVED",
            one.name,
            Verdict.REFUTED,
            (one.at, ""),
            message=f"{one.name} is not called any more",
            reason="what clients wait for is gone",
        )
    for one in come:
        collector.add(
            f"{what}_ADDED",
            one.name,
            Verdict.PROVED,
            ("", one.at),
            message=f"{one.name} is new",
            reason="nobody waits for it yet",
        )
    for both in pairs:
        Pair(collector, *both, outward=True).run()


class Pair:
    """One operation that both documents have."""

    def __init__(
        self, collector: Collector, old: Operation, new: Operation, *, outward: bool = False
    ) -> None:
        self.collector, self.old, self.new, self.outward = collector, old, new, outward
        self.name = old.name
        self.asks = Direction.RESPONSE if outward else Direction.REQUEST
        self.answers = Direction.REQUEST if outward else Direction.RESPONSE
        self.sources = collector.sources()

    def run(self) -> None:
        """Compare marks, parameters, bodies, answers and callbacks."""
        self.collector.operations += 1
        lifecycle.compare(self.collector, self.old, self.new)
        ids = self.old.raw.get("operationId"), self.new.raw.get("operationId")
        if ids[0] and ids[0] != ids[1]:
            self.collector.add(
                "OPERATION_ID_CHANGED",
                self.name,
                Verdict.PROVED,
                (self.old.at, self.new.at),
                old=ids[0],
                new=ids[1],
                message=f"{self.name}: operationId {ids[0]} -> {ids[1]}",
                reason="nothing changes on the wire",
            )
        if not self.outward:
            security.compare(self.collector, self.old, self.new)
        parameters.compare(self.collector, self.old, self.new, self.asks)
        self._bodies()
        self._responses()
        self._callbacks()

    def _note(
        self, code: str, verdict: Verdict, at: tuple[str, str], said: str, reason: str, **more: object
    ) -> None:
        direction = {"REQUE": self.asks, "REQUI": self.asks, "RESPO": self.answers}.get(code[:5])
        self.collector.add(
            code,
            self.name,
            verdict,
            at,
            message=f"{self.name}: {said}",
            reason=reason,
            direction=direction,
            old=more.get("old"),
            new=more.get("new"),
            label=str(more.get("label", "")),
        )

    def _bodies(self) -> None:
        (old, old_at), (new, new_at) = (
            source.follow(one.raw.get("requestBody"), step(one.at, "requestBody"))
            for source, one in zip(self.sources, (self.old, self.new), strict=True)
        )
        if not isinstance(old, Mapping) and not isinstance(new, Mapping):
            return
        if not isinstance(old, Mapping):
            demanded = isinstance(new, Mapping) and new.get("required") is True
            code = "REQUIRED_REQUEST_BODY_ADDED" if demanded else "REQUEST_BODY_ADDED"
            verdict = Verdict.REFUTED if demanded else Verdict.PROVED
            reason = "existing calls have no body" if demanded else "calls without a body are still taken"
            self._note(code, verdict, ("", new_at), f"a {'required ' if demanded else ''}body is new", reason)
            return
        if not isinstance(new, Mapping):
            self._note(
                "REQUEST_BODY_REMOVED",
                Verdict.REFUTED,
                (old_at, ""),
                "the body is gone",
                "what clients send is lost",
            )
            return
        must = old.get("required") is True, new.get("required") is True
        if must[0] != must[1]:
            word = "REQUIRED" if must[1] else "OPTIONAL"
            self._note(
                f"REQUEST_BODY_BECAME_{word}",
                Verdict.REFUTED if must[1] else Verdict.PROVED,
                (old_at, new_at),
                f"the body became {word.lower()}",
                "a call without one was fine before" if must[1] else "a body is still taken",
            )
        self._media("request body", "REQUEST", self.asks, (old, old_at), (new, new_at))

    def _media(
        self,
        place: str,
        side: str,
        direction: Direction,
        old: tuple[Held, str],
        new: tuple[Held, str],
        lead: str = "",
    ) -> None:
        """Compare the formats of one body."""
        olds, news = (
            self._formats(source, *one) for source, one in zip(self.sources, (old, new), strict=True)
        )
        for kind in olds.keys() - news.keys():
            cover = next((one for one in news if _covers(one, kind)), None)
            if cover is None and direction is Direction.RESPONSE:  # less is sent than a range allowed
                cover = next((one for one in sorted(news) if _covers(kind, one)), None)
            if cover is not None:
                news[kind] = news[cover]
                continue
            at, reason = (olds[kind][1], ""), "what clients use is gone"
            self._note(
                f"{side}_MEDIA_TYPE_REMOVED",
                Verdict.REFUTED,
                at,
                f"{lead}{kind} is gone",
                reason,
                old=kind,
                label=lead,
            )
        for kind in sorted(news.keys() - olds.keys()):
            if not any(_covers(one, kind) for one in olds):
                at, reason = ("", news[kind][1]), "the others are still there"
                self._note(
                    f"{side}_MEDIA_TYPE_ADDED",
                    Verdict.PROVED,
                    at,
                    f"{lead}{kind} is new",
                    reason,
                    new=kind,
                    label=lead,
                )
        for kind in sorted(olds.keys() & news.keys()):
            subs = [_schema_of(media, at) for media, at in (olds[kind], news[kind])]
            text = any(one in kind for one in _TEXTS)
            self.collector.schema(Use(self.name, "body", place), direction, *subs, wire=text)

    def _formats(self, source: Source, held: Held, at: str) -> dict[str, tuple[Held, str]]:
        content, place = held.get("content"), step(at, "content")
        if content is None:
            return {}
        found = source.mapping(content, place)
        result: dict[str, tuple[Held, str]] = {}
        for kind, raw in sorted(found.items()):
            name = _kind(kind) if _kind(kind) not in result else kind.lower()  # two spellings, two schemas
            result.setdefault(name, (source.mapping(raw, step(place, kind)), step(place, kind)))
        return result

    def _responses(self) -> None:
        old, new = (
            self._answers_of(source, one)
            for source, one in zip(self.sources, (self.old, self.new), strict=True)
        )
        for status in sorted(old):
            target = _answer(new, status)
            if target is not None:
                self._response(status, old[status], new[target])
                continue
            if self.answers is Direction.RESPONSE and _within(status, new):
                continue  # fewer of a range are sent; each is compared with it below
            success = status[:1] == "2"
            self._note(
                f"RESPONSE_{'SUCCESS' if success else 'ERROR'}_STATUS_REMOVED",
                Verdict.REFUTED if success else Verdict.PROVED,
                (old[status][1], ""),
                f"{status} is gone",
                "clients wait for it" if success else "one error less",
                old=status,
            )
        for status in sorted(new):
            if status in old:
                continue
            cover = _answer(old, status)
            if cover is not None:
                self._response(status, old[cover], new[status])
                continue
            word = "SUCCESS" if status[:1] == "2" else "ERROR"
            reason = "clients must cope with statuses they don't know"
            at = ("", new[status][1])
            self._note(
                f"RESPONSE_{word}_STATUS_ADDED", Verdict.PROVED, at, f"{status} is new", reason, new=status
            )

    def _answers_of(self, source: Source, operation: Operation) -> dict[str, tuple[Held, str]]:
        held, at = operation.raw.get("responses"), step(operation.at, "responses")
        if held is None:
            return {}
        found: dict[str, tuple[Held, str]] = {}
        for status, raw in source.mapping(held, at).items():
            if not status.startswith("x-"):
                body, place = source.follow(raw, step(at, status))
                found[status.upper() if status != "default" else status] = (
                    source.mapping(body, place),
                    place,
                )
        return found

    def _response(self, status: str, old: tuple[Held, str], new: tuple[Held, str]) -> None:
        lead = f"{status} "
        self._media(f"response {status}", "RESPONSE", self.answers, old, new, lead)
        headers.compare(self.collector, self.name, self.answers, old, new, lead)

    def _callbacks(self) -> None:
        sides: list[list[Operation]] = []
        for source, one in zip(self.sources, (self.old, self.new), strict=True):
            held, at = one.raw.get("callbacks"), step(one.at, "callbacks")
            found: list[Operation] = []
            for name, raw in sorted(source.mapping(held, at).items()) if held is not None else ():
                items, place = source.follow(raw, step(at, name))
                found += operations(source, items, place, f"{self.name} callback {name}")
            sides.append(found)
        calls_back(self.collector, sides[0], sides[1], "CALLBACK")


def _kind(written: str) -> str:
    """Return a media type without a charset, which JSON has no choice in."""
    parts = [part.strip().lower() for part in written.split(";")]
    return ";".join(
        [parts[0], *sorted(part for part in parts[1:] if part and not part.startswith("charset="))]
    )


def _covers(wide: str, narrow: str) -> bool:
    if wide in {"*/*", narrow}:
        return True
    return wide.endswith("/*") and narrow.startswith(wide[:-1])


def _schema_of(media: Held, at: str) -> Sub:
    return Sub(media["schema"], step(at, "schema")) if "schema" in media else Sub(True, at)


def _within(status: str, answers: Iterable[str]) -> bool:
    """Return whether `status` is a range like 2XX that one of `answers` lies in."""
    return status.endswith("XX") and any(one[:1] == status[:1] for one in answers)


def _answer(answers: Mapping[str, object], status: str) -> str | None:
    """Return which of `answers` speaks for a status: itself, its range, or the default."""
    for name in (status, f"{status[:1]}XX", "default"):
        if name in answers:
            return name
    return None
