"""One app whose document was exported with three versions of FastAPI and Pydantic: the models are the same.

fastapi-0.110.json is of FastAPI 0.110.0 and Pydantic 2.7.0, fastapi-0.115.json of 0.115.0 and 2.9.2, each by
`ccops openapi export --app shop:app --app-dir tests/data/upgrade --python OTHER/bin/python --out FILE`.
"""

from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, FastAPI, Header, Query
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field, computed_field


class Kind(str, Enum):  # noqa: UP042 - as people wrote it then
    item = "item"
    pack = "pack"


class Only(str, Enum):  # noqa: UP042
    one = "one"


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str | None = None


class Node(BaseModel):
    name: str
    children: list["Node"] = []


class Product(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: UUID
    price: Decimal = Field(gt=0, decimal_places=2, max_digits=8)
    kind: Kind
    only: Only = Only.one
    tags: set[str] = set()
    made: datetime
    day: date | None = None
    pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]] = []
    both: int | str | None = None
    meta: dict[str, int] = {}
    pair: tuple[int, str] = (1, "a")
    rate: float = 1.5

    @computed_field
    @property
    def label(self) -> str:
        return "x"


class Buy(BaseModel):
    product: Product
    qty: Annotated[int, Field(ge=1, le=9)] = 1
    blob: bytes = b""
    tree: Node | None = None


app = FastAPI(title="shop", version="1")
Kinds = Annotated[list[Kind] | None, Query()]
Limit = Annotated[int, Query(ge=1, le=100)]


@app.post("/buy", status_code=201, dependencies=[Depends(HTTPBearer())])
def buy(body: Buy, x_key: Annotated[str, Header(min_length=3)], dry: bool = False) -> Product: ...


@app.get("/items/{item_id}")
def items(item_id: int, kinds: Kinds = None, limit: Limit = 20) -> list[Product]: ...


@app.get("/tree")
def tree() -> Node: ...


@app.get("/pet")
def pet() -> Cat | Dog: ...
