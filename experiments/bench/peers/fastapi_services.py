"""Users, products and orders as FastAPI's users write them: SQLAlchemy, SQLite, and no promises.

Three applications in one file, each run in a process of its own with a database of its own. An order takes its stock
with one call a line and is then written: no key, no outbox, no history, and a crash between the two loses units.
Environment: DATABASE_URL, PRODUCTS_URL (orders only).
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID, uuid4

import httpx
from fastapi import Depends, FastAPI, Header, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ForeignKey, Numeric, create_engine, event, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload

engine = create_engine(os.environ["DATABASE_URL"])


@event.listens_for(engine, "connect")
def use_wal(connection: Any, record: Any) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA busy_timeout = 5000")


def now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    username: Mapped[str] = mapped_column(unique=True)
    email: Mapped[str]
    first_name: Mapped[str] = mapped_column(default="")
    last_name: Mapped[str] = mapped_column(default="")
    is_staff: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    date_joined: Mapped[datetime] = mapped_column(default=now)


class Product(Base):
    __tablename__ = "products"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    sku: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    price: Mapped[Decimal] = mapped_column(Numeric(12, 2))
    currency: Mapped[str] = mapped_column(default="EUR")
    stock: Mapped[int] = mapped_column(default=0)
    category: Mapped[str] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    updated_at: Mapped[datetime] = mapped_column(default=now)


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(index=True)
    status: Mapped[str] = mapped_column(default="confirmed")
    total: Mapped[Decimal] = mapped_column(Numeric(19, 2))
    currency: Mapped[str]
    note: Mapped[str]
    shipping_address: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)
    items: Mapped[list["Item"]] = relationship()


class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), index=True)
    product_id: Mapped[UUID]
    sku: Mapped[str]
    name: Mapped[str]
    unit_price: Mapped[Decimal] = mapped_column(Numeric(12, 2))
    quantity: Mapped[int]

    @property
    def line_total(self) -> Decimal:
        return self.unit_price * self.quantity


Base.metadata.create_all(engine)


class Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class UserOut(Answer):
    id: UUID
    username: str
    email: str
    first_name: str
    last_name: str
    is_staff: bool
    is_active: bool
    date_joined: datetime


class ProductOut(Answer):
    id: UUID
    sku: str
    name: str
    description: str
    price: Decimal
    currency: str
    stock: int
    category: str
    created_at: datetime
    updated_at: datetime


class ProductPage(Answer):
    next: str | None
    previous: str | None
    results: list[ProductOut]


class ItemOut(Answer):
    product_id: UUID
    sku: str
    name: str
    unit_price: Decimal
    quantity: int
    line_total: Decimal


class OrderOut(Answer):
    id: UUID
    user_id: UUID
    status: str
    items: list[ItemOut]
    total: Decimal
    currency: str
    note: str
    shipping_address: str
    created_at: datetime
    updated_at: datetime


class ItemIn(BaseModel):
    product_id: UUID
    quantity: int = Field(ge=1)


class OrderIn(BaseModel):
    items: list[ItemIn] = Field(min_length=1)
    note: str = ""
    shipping_address: str = ""


def session() -> Iterator[Session]:
    with Session(engine) as opened:
        yield opened


Database = Annotated[Session, Depends(session)]
Caller = Annotated[UUID, Header(alias="X-User-Id")]

users, products, orders = FastAPI(), FastAPI(), FastAPI()


@users.get("/users/me/", response_model=UserOut)
def own_account(database: Database, caller: Caller) -> User:
    if user := database.get(User, caller):
        return user
    raise HTTPException(404)


@products.get("/products/", response_model=ProductPage)
def list_products(
    database: Database,
    category: str | None = None,
    max_price: Decimal | None = None,
    page_size: Annotated[int, Query(le=100)] = 20,
    offset: int = 0,
) -> dict[str, Any]:
    query = select(Product).order_by(Product.created_at.desc(), Product.id.desc())
    if category is not None:
        query = query.where(Product.category == category)
    if max_price is not None:
        query = query.where(Product.price <= max_price)
    rows = database.scalars(query.offset(offset).limit(page_size + 1)).all()
    following = f"/products/?page_size={page_size}&offset={offset + page_size}" if len(rows) > page_size else None
    return {"next": following, "previous": None, "results": rows[:page_size]}


@products.get("/products/{product_id}/", response_model=ProductOut)
def read_product(product_id: UUID, database: Database) -> Product:
    if product := database.get(Product, product_id):
        return product
    raise HTTPException(404)


@products.post("/products/{product_id}/take/", response_model=ProductOut)
def take(product_id: UUID, quantity: int, database: Database) -> Product:
    enough = (Product.id == product_id, Product.stock >= quantity)
    taken = update(Product).where(*enough).values(stock=Product.stock - quantity).returning(Product)
    product = database.scalars(taken).one_or_none()
    if product is None:
        raise HTTPException(409, "Not enough in stock")
    database.commit()
    return product


catalogue = httpx.Client(base_url=os.environ.get("PRODUCTS_URL", ""), timeout=2.0)


@orders.post("/orders/", response_model=OrderOut, status_code=201)
def place_order(wanted: OrderIn, database: Database, caller: Caller) -> Order:
    items = []
    for item in wanted.items:
        answer = catalogue.post(f"/products/{item.product_id}/take/", params={"quantity": item.quantity})
        if answer.is_error:
            raise HTTPException(answer.status_code, answer.json().get("detail"))
        product = ProductOut.model_validate_json(answer.content)
        items.append(
            Item(
                product_id=product.id,
                sku=product.sku,
                name=product.name,
                unit_price=product.price,
                quantity=item.quantity,
            )
        )
    order = Order(
        user_id=caller,
        items=items,
        total=sum(item.line_total for item in items),
        currency=product.currency,
        note=wanted.note,
        shipping_address=wanted.shipping_address,
    )
    database.add(order)
    database.commit()
    return order


@orders.get("/orders/{order_id}/", response_model=OrderOut)
def read_order(order_id: UUID, database: Database, caller: Caller) -> Order:
    order = database.get(Order, order_id, options=[selectinload(Order.items)])
    if order is None or order.user_id != caller:
        raise HTTPException(404)
    return order
