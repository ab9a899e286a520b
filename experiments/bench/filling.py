"""Tables full of rows by plain SQL, on SQLite and PostgreSQL alike: as many products, orders and users as asked for.

Each order holds one unit of the product of the same number, so an audit finds no difference. What is rare is as rare in
large tables as in small ones: `RARE` rows, spread evenly, so that a filter must look for them.
"""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
from argon2 import PasswordHasher

PASSWORD = "violet-harbour-at-noon"
RARE, ORDERS_A_USER, CATEGORIES = 25, 20, 10
KINDS = {"user": 1, "product": 2, "order": 3, "movement": 4, "category": 5}
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) "


def row_id(kind: str, number: int) -> UUID:
    return UUID(f"01890000000{KINDS[kind]}70008000{number:012x}")


@dataclass(frozen=True)
class Dialect:
    """Expressions of `i`, the number of a row."""

    row_id: Callable[[str, str], str]
    seconds_later: str  # than the first moment of 2025


SQLITE = Dialect(
    lambda kind, number: f"printf('01890000000{KINDS[kind]}70008000%012x', {number})",
    "datetime('2025-01-01', '+' || i || ' seconds')",
)
POSTGRES = Dialect(
    lambda kind, number: f"('01890000000{KINDS[kind]}70008000' || lpad(to_hex({number}), 12, '0'))::uuid",
    "timestamptz '2025-01-01 00:00:00+00' + i * interval '1 second'",
)


def statements(dialect: Dialect, rows: int) -> dict[str, list[str]]:
    """By project: one statement a table."""
    tables = {"users": _users(dialect, rows), "products": _products(dialect, rows), "orders": _orders(dialect, rows)}
    return {
        project: [
            NUMBERS.format(rows=CATEGORIES if table == "products_category" else rows)
            + f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns.values())} FROM n"
            for table, columns in filled
        ]
        for project, filled in tables.items()
    }


Filled = list[tuple[str, dict[str, str]]]


def _rare(rows: int, which: int, of: int = RARE) -> str:
    """Whether row `i` is one of a few; another `which` means others."""
    return f"(i % {max(1, rows // of)} = {which})"


def _users(dialect: Dialect, rows: int) -> Filled:
    password = "argon2" + PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash(PASSWORD)
    name = "'user-' || i"
    columns = {
        "id": dialect.row_id("user", "i"),
        "username": name,
        "username_key": name,
        "password": f"'{password}'",
        "email": f"{name} || '@shop.example'",
        "first_name": "'Ada'",
        "last_name": f"CASE WHEN {_rare(rows, 3, of=5)} THEN 'Zephyr' ELSE 'King' END",
        "is_staff": _rare(rows, 7),
        "is_active": f"NOT {_rare(rows, 11)}",
        "date_joined": dialect.seconds_later,
        "password_version": "1",
    }
    return [("users_user", columns)]


def _products(dialect: Dialect, rows: int) -> Filled:
    at, product = dialect.seconds_later, dialect.row_id("product", "i")
    is_out = _rare(rows, 11)
    category = {
        "id": dialect.row_id("category", "i"),
        "slug": "'category-' || i",
        "name": "'Category ' || i",
        "description": "''",
        "created_at": at,
    }
    columns = {
        "id": product,
        **_snapshot(rows),
        "name_key": f"lower({_snapshot(rows)['name']})",
        "sku_key": f"lower({_snapshot(rows)['sku']})",
        "description": "'Borosilicate glass with a steel strainer.'",
        "price": _price(rows),
        "currency": "'EUR'",
        "stock": f"CASE WHEN {is_out} THEN 0 ELSE 999999 END",
        "category_id": dialect.row_id("category", f"i % {CATEGORIES} + 1"),
        "created_at": at,
        "updated_at": at,
    }
    movement = {
        "id": dialect.row_id("movement", "i"),
        "product_id": product,
        "delta": f"CASE WHEN {is_out} THEN 1 ELSE 1000000 END",
        "reason": "'initial stock'",
        "created_at": at,
    }
    catalogue = [("products_category", category), ("products_product", columns), ("products_stockmovement", movement)]
    return catalogue + _reservations(dialect, rows)


def _snapshot(rows: int) -> dict[str, str]:
    name = f"CASE WHEN {_rare(rows, 3, of=5)} THEN 'Saffron teapot ' ELSE 'Teapot ' END || i"
    return {"sku": "'SKU-' || i", "name": name}


def _price(rows: int) -> str:
    return f"CASE WHEN {_rare(rows, 7)} THEN 77777.5 ELSE i % 997 + 0.5 END"


def _reservations(dialect: Dialect, rows: int) -> Filled:
    order = dialect.row_id("order", "i")
    reservation = {"order_id": order, "state": "'held'", "currency": "'EUR'", "created_at": dialect.seconds_later}
    line = {
        "reservation_id": order,
        "product_id": dialect.row_id("product", "i"),
        "quantity": "1",
        **_snapshot(rows),
        "unit_price": _price(rows),
    }
    return [("products_reservation", reservation), ("products_reservationline", line)]


def _orders(dialect: Dialect, rows: int) -> Filled:
    at, order = dialect.seconds_later, dialect.row_id("order", "i")
    user = dialect.row_id("user", f"i % {rows // ORDERS_A_USER} + 1")
    columns = {
        "id": order,
        "user_id": user,
        "status": f"CASE WHEN {_rare(rows, 7)} THEN 'shipped' WHEN i % 3 = 0 THEN 'confirmed' ELSE 'delivered' END",
        "currency": "'EUR'",
        "total": "24.5",
        **dict.fromkeys(("note", "shipping_address", "wants", "last_error"), "''"),
        **dict.fromkeys(("created_at", "updated_at", "due_at"), at),
        **dict.fromkeys(("attempts", "hopeless"), "0"),
    }
    line = {
        "order_id": order,
        "position": "0",
        "product_id": dialect.row_id("product", "i"),
        "quantity": "1",
        "sku": "'SKU-' || i",
        "name": "'Teapot ' || i",
        "unit_price": "24.5",
    }
    confirmed = {"order_id": order, "status": "'confirmed'", "at": at}
    return [("orders_order", columns), ("orders_orderline", line), ("orders_orderevent", confirmed)]


def fill_sqlite(data_dir: Path, rows: int) -> None:
    for project, filled in statements(SQLITE, rows).items():
        connection = sqlite3.connect(data_dir / f"{project}_project" / "Data-base.db")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -400000")
        with connection:
            for statement in filled:
                connection.execute(statement)
        connection.close()


def fill_postgres(urls: Mapping[str, str], rows: int) -> None:
    for project, filled in statements(POSTGRES, rows).items():
        with psycopg.connect(urls[f"{project.upper()}_DATABASE_URL"], autocommit=True) as connection:
            for statement in filled:
                connection.execute(statement.encode())


def vacuum_postgres(urls: Mapping[str, str]) -> None:
    """What autovacuum would do in its time."""
    for url in urls.values():
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
