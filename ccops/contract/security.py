"""Ways to authenticate: alternatives, each a set of schemes with scopes, compared exactly."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ccops.contract.collect import Collector
from ccops.contract.match import Operation
from ccops.contract.model import Verdict
from ccops.contract.normalise import Source, frozen

Way = Mapping[str, frozenset[str]]  # scheme, by its definition -> scopes
_TELLING = ("type", "name", "in", "scheme", "openIdConnectUrl")


def ways(source: Source, operation: Operation) -> list[Way]:
    """Return the alternatives of an operation; one that asks for nothing where there are none."""
    held = operation.raw.get("security", source.document.data.get("security"))
    if not isinstance(held, list) or not held:
        return [{}]
    return [
        {_scheme(source, name): _scopes(scopes) for name, scopes in one.items()}
        for one in held
        if isinstance(one, Mapping)
    ] or [{}]


def _scopes(scopes: object) -> frozenset[str]:
    return frozenset(map(str, scopes)) if isinstance(scopes, list) else frozenset()


def _scheme(source: Source, name: str) -> str:
    """Return what a scheme is; its name where the document does not say."""
    components = source.document.data.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, Mapping) else None
    raw = schemes.get(name) if isinstance(schemes, Mapping) else None
    if raw is None:
        return name
    held = source.mapping(raw, f"/components/securitySchemes/{name}")
    return frozen({key: held[key] for key in _TELLING if key in held})


def compare(collector: Collector, old: Operation, new: Operation) -> None:
    """Note old ways that are not enough any more, and new ones."""
    sources = collector.sources()
    olds, news = ways(sources[0], old), ways(sources[1], new)
    at = (_pointer(old), _pointer(new))
    for way in olds:
        if any(_enough(way, other) for other in news):
            continue
        near = [other for other in news if other.keys() <= way.keys()]
        if near:
            scopes = sorted({scope for name, wanted in near[0].items() for scope in wanted - way[name]})
            collector.add(
                "SECURITY_SCOPE_ADDED",
                old.name,
                Verdict.REFUTED,
                at,
                new=scopes,
                message=f"{old.name}: a token needs the scope {', '.join(scopes)} now",
                reason="a token with the old scopes is refused",
            )
        else:
            collector.add(
                "SECURITY_TIGHTENED",
                old.name,
                Verdict.REFUTED,
                at,
                old=_shown(way),
                new=[_shown(one) for one in news],
                message=f"{old.name}: {_said(way)} is not enough any more",
                reason="credentials that were enough are refused",
            )
    for way in news:
        if any(_enough(way, other) for other in olds):
            continue  # whoever has these was let in before
        code = (
            "SECURITY_SCOPE_REMOVED"
            if any(other.keys() == way.keys() for other in olds)
            else "SECURITY_RELAXED"
        )
        collector.add(
            code,
            old.name,
            Verdict.PROVED,
            at,
            new=_shown(way),
            message=f"{old.name}: {_said(way)} is enough now",
            reason="what was enough before has its own line",
        )


def _pointer(operation: Operation) -> str:
    return f"{operation.at}/security" if "security" in operation.raw else operation.at


def _enough(credentials: Way, wanted: Way) -> bool:
    return all(name in credentials and scopes <= credentials[name] for name, scopes in wanted.items())


def _shown(way: Way) -> object:
    return {name: sorted(scopes) for name, scopes in sorted(way.items())}


def _said(way: Way) -> str:
    return " with ".join(map(_called, sorted(way))) if way else "no authentication"


def _called(scheme: str) -> str:
    """Return a scheme as people say it: "apiKey header X-Token", "http bearer"."""
    try:
        held = json.loads(scheme)
    except ValueError:
        return scheme
    return " ".join(
        str(held[key]) for key in ("type", "in", "name", "scheme", "openIdConnectUrl") if key in held
    )
