"""The application: routers, handlers, lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from ccops.backend import lifespan as parts
from ccops.backend.core import errors, handlers
from ccops.backend.core.express import Express
from ccops.backend.core.middleware import RequestContext, expect
from ccops.backend.core.responses import JSON
from ccops.backend.routers import (
    achievements,
    actions,
    admin,
    auth,
    battlepass,
    crash,
    dashboard,
    events,
    games,
    health,
    legacy,
    limited,
    metrics,
    payments,
    pipeline,
    promo,
    realtime,
    rewards,
    shop,
    shop_admin,
    streak,
    users,
)

# The busiest first: routers are asked in this order, and each costs 5 us a request.
ROUTERS = (
    shop, dashboard, games, actions, health, auth, users, streak, achievements, battlepass,
    shop_admin, limited, promo, payments, rewards, crash, events, admin, realtime, legacy,
    metrics, pipeline,
)  # fmt: skip


def _routes(routes: Iterable[BaseRoute]) -> Iterator[APIRoute]:
    """Yield every route; one router may hold others."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif isinstance(inside := getattr(route, "original_router", None), APIRouter):
            yield from _routes(inside.routes)


def expect_failures(app: FastAPI) -> None:
    """Let the count of each route's server errors start at 0; not at import, where the contract is read."""
    for route in _routes(app.routes):
        expect(route.path, route.methods or ())


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    expect_failures(app)
    async with parts.running(app):
        yield


def create_app() -> FastAPI:
    """Return the application; nothing connects before its lifespan starts."""
    app = FastAPI(
        title="Casino-Club backend",
        version="1.0.0",
        summary="The bundled game backend that ccops drives, breaks and measures.",
        lifespan=_lifespan,
        default_response_class=JSON,
        responses=errors.responses("INTERNAL", "STORE_UNAVAILABLE"),
    )
    handlers.install(app)
    for module in ROUTERS:
        app.include_router(module.router)
    app.add_middleware(Express, lanes=shop.EXPRESS)
    app.add_middleware(RequestContext)
    return app


app = create_app()
