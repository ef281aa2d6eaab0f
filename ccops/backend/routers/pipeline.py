"""Health of the event pipeline. Like /health these ask for no token and answer within seconds."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from ccops.backend.core.responses import JSON
from ccops.backend.schemas.pipeline import KafkaHealth, OlapHealth
from ccops.backend.services import pipeline_health

router = APIRouter(prefix="/api", tags=["health"])


@router.get(
    "/kafka/health",
    response_model=KafkaHealth,
    responses={503: {"model": KafkaHealth, "description": "No broker answers, or nobody reads a topic"}},
)
async def kafka_health() -> JSON:
    """Say whether a broker answers, and which partitions the ingester reads."""
    return _answer(health := await pipeline_health.kafka(), health.status)


@router.get(
    "/olap/health",
    response_model=OlapHealth,
    responses={503: {"model": OlapHealth, "description": "ClickHouse or the ingester is away"}},
)
async def olap_health() -> JSON:
    """Say whether ClickHouse answers, and how far each table is behind."""
    return _answer(health := await pipeline_health.olap(), health.status)


def _answer(health: BaseModel, status: str) -> JSON:
    return JSON(health.model_dump(mode="json"), 200 if status == "ok" else 503)
