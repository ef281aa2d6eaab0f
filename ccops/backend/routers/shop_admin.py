"""What administrators change in the shop."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from ccops.backend.core.deps import AdminUser
from ccops.backend.core.errors import responses
from ccops.backend.schemas.shop import ChangedProduct, ProductChange
from ccops.backend.services import shop as service

router = APIRouter(prefix="/api/admin/products", tags=["admin"])


@router.patch(
    "/{product_id}",
    responses=responses(
        "UNAUTHORIZED",
        "TOKEN_EXPIRED",
        "RANK_REQUIRED",
        "VALIDATION_ERROR",
        "BAD_REQUEST",
        "PAYLOAD_TOO_LARGE",
        "NOT_FOUND",
        "BUSY",
    ),
)
async def change(
    admin: AdminUser,
    product_id: Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")],
    wanted: ProductChange,
) -> ChangedProduct:
    """Change price, gold or whether it is sold; purchases that were made keep what they were promised."""
    return ChangedProduct.model_validate(await service.change_product(admin.user_id, product_id, wanted))
