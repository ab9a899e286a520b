"""A valid answer of each kind, as the services write it."""

from typing import Any

from common.identifiers import new_id

USER_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
STAFF_ID = "01890a5d-ac96-774b-bcce-b302099a8058"
OTHER_ID = "01890a5d-ac96-774b-bcce-b302099a8059"
PRODUCT_ID = "01890a5d-ac96-774b-bcce-b302099a8060"
ORDER_ID = "01890a5d-ac96-774b-bcce-b302099a8061"
MOMENT = "2026-03-04T05:06:07.080910Z"

USER: dict[str, Any] = {
    "id": USER_ID,
    "username": "ada",
    "email": "ada@example.com",
    "first_name": "Ada",
    "last_name": "",
    "is_staff": False,
    "is_active": True,
    "date_joined": MOMENT,
}
CATEGORY: dict[str, Any] = {"slug": "board-games", "name": "Board games", "description": ""}
PRODUCT: dict[str, Any] = {
    "id": PRODUCT_ID,
    "sku": "GO-19",
    "name": "Go board, 19 × 19",
    "description": "Of kaya wood.",
    "price": "149.90",
    "currency": "EUR",
    "stock": 7,
    "category": "board-games",
    "created_at": MOMENT,
    "updated_at": MOMENT,
}
MOVEMENT: dict[str, Any] = {
    "id": OTHER_ID,
    "delta": -3,
    "reason": "broken",
    "by": STAFF_ID,
    "created_at": MOMENT,
}
ITEM: dict[str, Any] = {
    "product_id": PRODUCT_ID,
    "sku": "GO-19",
    "name": "Go board, 19 × 19",
    "unit_price": "149.90",
    "quantity": 2,
    "line_total": "299.80",
}
ORDER: dict[str, Any] = {
    "id": ORDER_ID,
    "user_id": USER_ID,
    "status": "confirmed",
    "items": [ITEM],
    "total": "299.80",
    "currency": "EUR",
    "note": "",
    "shipping_address": "1 Square Place",
    "reason": None,
    "history": [
        {"status": "pending", "at": MOMENT, "by": USER_ID},
        {"status": "confirmed", "at": MOMENT, "by": None},
    ],
    "created_at": MOMENT,
    "updated_at": MOMENT,
}
ACCOUNT: dict[str, Any] = {
    "id": USER_ID,
    "username": "ada",
    "is_staff": False,
    "is_active": True,
    "password_version": 1,
}


def page(*rows: dict[str, Any], next: str | None = None, previous: str | None = None) -> dict[str, Any]:
    return {"next": next, "previous": previous, "results": list(rows)}


# An answer of each schema in the route table, by the schema's name.
ANSWERS: dict[str, dict[str, Any]] = {
    "User": USER,
    "UserPage": page(USER),
    "Category": CATEGORY,
    "CategoryPage": page(CATEGORY),
    "Product": PRODUCT,
    "ProductPage": page(PRODUCT, PRODUCT),
    "StockMovement": MOVEMENT,
    "StockMovementPage": page(MOVEMENT),
    "Order": ORDER,
    "OrderPage": page(ORDER),
}

# A body of each method that takes one.
NEW_USER = {"username": "ada", "email": "ada@example.com", "password": "violet-harbour-9"}
NEW_CATEGORY = {"name": "Board games"}
NEW_PRODUCT = {"sku": "GO-19", "name": "Go board", "price": "149.90", "category": "board-games"}
NEW_ORDER = {"items": [{"product_id": PRODUCT_ID, "quantity": 2}]}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "auth/register/"): NEW_USER,
    ("POST", "auth/password-reset/"): {"account": "ada"},
    ("POST", "auth/password-reset/confirm/"): {
        "user_id": USER_ID,
        "token": f"d0p1zx-{0x0C5E3A:032x}",
        "new_password": "violet-harbour-9",
    },
    ("POST", "users/"): NEW_USER,
    ("PUT", "users/me/"): {"username": "ada", "email": "ada@example.com"},
    ("PATCH", "users/me/"): {"first_name": "Ada"},
    ("DELETE", "users/me/"): {"current_password": "old-harbour-8"},
    ("POST", "users/me/password/"): {"current_password": "old-harbour-8", "new_password": "violet-harbour-9"},
    ("PUT", "users/<uuid:user_id>/"): {"username": "ada", "email": "ada@example.com"},
    ("PATCH", "users/<uuid:user_id>/"): {"first_name": "Ada"},
    ("DELETE", "users/<uuid:user_id>/"): {},
    ("POST", "categories/"): NEW_CATEGORY,
    ("PUT", "categories/<slug:slug>/"): NEW_CATEGORY,
    ("PATCH", "categories/<slug:slug>/"): {"description": "Chess too"},
    ("POST", "products/"): NEW_PRODUCT,
    ("PUT", "products/<uuid:product_id>/"): NEW_PRODUCT,
    ("PATCH", "products/<uuid:product_id>/"): {"price": "99.00"},
    ("POST", "products/<uuid:product_id>/stock/"): {"delta": 5},
    ("POST", "orders/"): NEW_ORDER,
    ("PATCH", "orders/<uuid:order_id>/"): {"note": "Ring twice"},
}

PARAMETERS = {
    "user_id": OTHER_ID,
    "product_id": PRODUCT_ID,
    "order_id": ORDER_ID,
    "session_id": OTHER_ID,
    "slug": "board-games",
    "token": "none",
}


def products(count: int) -> list[dict[str, Any]]:
    return [{**PRODUCT, "id": str(new_id()), "sku": f"GO-{index}"} for index in range(count)]


def filled(path: str) -> str:
    """A path of the route table, or of the resolver, with an example for each of its parameters."""
    for name, value in PARAMETERS.items():
        for converter in ("uuid", "slug"):
            path = path.replace(f"<{converter}:{name}>", value)
    return path
