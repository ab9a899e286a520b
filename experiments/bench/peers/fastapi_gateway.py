"""A gateway as FastAPI's users write one: PyJWT, httpx, a circuit for each service, and a model for each answer.

Environment: USERS_URL, PRODUCTS_URL, ORDERS_URL, JWT_KEY.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import httpx
import jwt
from circuitbreaker import CircuitBreaker, CircuitBreakerError
from fastapi import Depends, FastAPI, HTTPException, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field

SERVICES = ("users", "products", "orders")
CIRCUITS = {name: CircuitBreaker(5, 5, expected_exception=httpx.HTTPError, name=name) for name in SERVICES}
CLIENTS: dict[str, httpx.AsyncClient] = {}
JWT_KEY = os.environ["JWT_KEY"]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    for name in SERVICES:
        CLIENTS[name] = httpx.AsyncClient(base_url=os.environ[f"{name.upper()}_URL"], timeout=2.0)
    yield
    for client in CLIENTS.values():
        await client.aclose()


app = FastAPI(lifespan=lifespan)


class User(BaseModel):
    id: UUID
    username: str = Field(max_length=150)
    email: str = Field(max_length=254)
    first_name: str = Field(max_length=150)
    last_name: str = Field(max_length=150)
    is_staff: bool
    is_active: bool
    date_joined: datetime


class Product(BaseModel):
    id: UUID
    sku: str = Field(max_length=40)
    name: str = Field(max_length=200)
    description: str = Field(max_length=10_000)
    price: Decimal = Field(max_digits=12, decimal_places=2, ge=0)
    currency: str = Field(pattern="^[A-Z]{3}$")
    stock: int = Field(ge=0)
    category: str = Field(max_length=60)
    created_at: datetime
    updated_at: datetime


class ProductPage(BaseModel):
    next: str | None
    previous: str | None
    results: list[Product]


class ProductQuery(BaseModel):
    search: str | None = Field(None, max_length=200)
    category: str | None = Field(None, max_length=60)
    min_price: Decimal | None = Field(None, ge=0)
    max_price: Decimal | None = Field(None, ge=0)
    page_size: int = Field(20, ge=1, le=100)
    offset: int = Field(0, ge=0)


class ItemInput(BaseModel):
    product_id: UUID
    quantity: int = Field(ge=1, le=10_000)


class OrderInput(BaseModel):
    items: list[ItemInput] = Field(min_length=1, max_length=100)
    note: str = Field("", max_length=1000)
    shipping_address: str = Field("", max_length=500)


class Item(BaseModel):
    product_id: UUID
    sku: str
    name: str
    unit_price: Decimal
    quantity: int
    line_total: Decimal


class Order(BaseModel):
    id: UUID
    user_id: UUID
    status: Literal["pending", "confirmed", "rejected", "paid", "shipped", "delivered", "cancelled"]
    items: list[Item]
    total: Decimal
    currency: str
    note: str
    shipping_address: str
    created_at: datetime
    updated_at: datetime


def authenticate(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> str:
    """The id of the user."""
    try:
        return str(jwt.decode(credentials.credentials, JWT_KEY, algorithms=["HS256"])["user_id"])
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, "Not authenticated") from error


Caller = Annotated[str, Depends(authenticate)]


async def ask(service: str, method: str, path: str, caller: str, **options: Any) -> bytes:
    headers = {"X-User-Id": caller}
    try:
        answer = await CIRCUITS[service].call_async(CLIENTS[service].request, method, path, headers=headers, **options)
    except CircuitBreakerError as error:
        raise HTTPException(503, f"{service} is not available") from error
    except httpx.HTTPError as error:
        raise HTTPException(502, f"{service} did not answer") from error
    if answer.is_error:
        raise HTTPException(answer.status_code, answer.json().get("detail"))
    return answer.content


@app.get("/api/users/me/")
async def own_account(caller: Caller) -> User:
    return User.model_validate_json(await ask("users", "GET", "/users/me/", caller))


@app.get("/api/products/")
async def list_products(query: Annotated[ProductQuery, Query()], caller: Caller) -> ProductPage:
    params = query.model_dump(mode="json", exclude_unset=True)
    return ProductPage.model_validate_json(await ask("products", "GET", "/products/", caller, params=params))


@app.get("/api/products/{product_id}/")
async def read_product(product_id: UUID, caller: Caller) -> Product:
    return Product.model_validate_json(await ask("products", "GET", f"/products/{product_id}/", caller))


@app.post("/api/orders/", status_code=201)
async def place_order(order: OrderInput, caller: Caller) -> Order:
    body = order.model_dump(mode="json")
    return Order.model_validate_json(await ask("orders", "POST", "/orders/", caller, json=body))


@app.get("/api/orders/{order_id}/")
async def read_order(order_id: UUID, caller: Caller) -> Order:
    return Order.model_validate_json(await ask("orders", "GET", f"/orders/{order_id}/", caller))
