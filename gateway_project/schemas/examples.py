"""An example of each answer, by its schema, and of each body, by its operation's id. The OpenAPI document shows them.

Tests hold the answers to their schemas, and send the bodies to a running Plaza, which must take them.
"""

from collections.abc import Mapping
from typing import Any

USER_ID = "01990a5d-ac96-774b-bcce-b302099a8057"
PRODUCT_ID = "01990a5d-ac96-774b-bcce-b302099a8060"
ORDER_ID = "01990a5d-ac96-774b-bcce-b302099a8061"
MOMENT = "2026-11-04T05:06:07.080910Z"
PASSWORD, NEW_PASSWORD = "violet-lantern-in-june", "copper-lantern-in-may"
TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9…"  # noqa: S105 - only its beginning

_USER = {
    "id": USER_ID,
    "username": "ada",
    "email": "ada@shop.example",
    "first_name": "Ada",
    "last_name": "Byron",
    "is_staff": False,
    "is_active": True,
    "date_joined": MOMENT,
}
_CATEGORY = {"slug": "teaware", "name": "Teaware", "description": "Pots, cups and caddies."}
_PRODUCT = {
    "id": PRODUCT_ID,
    "sku": "TEA-104",
    "name": "Glass teapot, 0.8 l",
    "description": "Borosilicate with a removable steel sieve.",
    "price": "29.90",
    "currency": "EUR",
    "stock": 26,
    "category": "teaware",
    "created_at": MOMENT,
    "updated_at": MOMENT,
}
_MOVEMENT = {
    "id": "01990a5d-ac96-774b-bcce-b302099a8059",
    "delta": -3,
    "reason": "broken in the store",
    "by": USER_ID,
    "created_at": MOMENT,
}
_ORDER = {
    "id": ORDER_ID,
    "user_id": USER_ID,
    "status": "confirmed",
    "items": [
        {
            "product_id": PRODUCT_ID,
            "sku": "TEA-104",
            "name": "Glass teapot, 0.8 l",
            "unit_price": "29.90",
            "quantity": 2,
            "line_total": "59.80",
        }
    ],
    "total": "59.80",
    "currency": "EUR",
    "note": "Ring twice.",
    "shipping_address": "1 Square Place, Springfield",
    "reason": None,
    "history": [
        {"status": "pending", "at": MOMENT, "by": USER_ID},
        {"status": "confirmed", "at": MOMENT, "by": None},
    ],
    "created_at": MOMENT,
    "updated_at": MOMENT,
}
_SESSION = {
    "id": "01990a5d-ac96-774b-bcce-b302099a8062",
    "device": "Firefox on Linux",
    "address": "192.0.2.7",
    "created_at": MOMENT,
    "last_used_at": MOMENT,
    "expires_at": "2026-12-04T05:06:07.080910Z",
    "current": True,
}
_LANE = {
    "name": "products/catalogue",
    "circuit": "closed",
    "retry_after_s": None,
    "in_flight": 1,
    "max_in_flight": 8,
    "waiting": 0,
    "calls": 240,
    "failures": 0,
    "failure_rate": 0.0,
    "p50_ms": 8.2,
    "p99_ms": 21.5,
    "rejected": 0,
    "retries": 0,
    "points": [{"ago_s": 1, "count": 4, "failed": 0, "p50_ms": 8.1, "max_ms": 11.0}],
}
_TRANSITION = {
    "upstream": "products/catalogue",
    "old": "half-open",
    "new": "closed",
    "failed": 0,
    "total": 1,
    "process": "plaza-1:4711",
    "at": MOMENT,
}


def _page(row: Mapping[str, Any], following: str | None = None) -> dict[str, Any]:
    return {"next": following, "previous": None, "results": [row]}


ANSWERS: Mapping[str, Any] = {
    "TokenPair": {"access": TOKEN, "refresh": TOKEN},
    "SessionPage": _page(_SESSION),
    "User": _USER,
    "UserPage": _page(_USER),
    "Category": _CATEGORY,
    "CategoryPage": _page(_CATEGORY),
    "Product": _PRODUCT,
    "ProductPage": _page(_PRODUCT, "/api/products/?search=teapot&cursor=eyJwIjpb…"),
    "StockMovement": _MOVEMENT,
    "StockMovementPage": _page(_MOVEMENT),
    "Order": _ORDER,
    "OrderPage": _page(_ORDER),
    "StatusReport": {
        "processes": [{"process": "plaza-1:4711", "upstreams": [_LANE]}],
        "shared": "memory",
        "transitions": [_TRANSITION],
    },
}

_PERSON = {"username": "ada", "email": "ada@shop.example"}
_GOODS = {"sku": "TEA-104", "name": "Glass teapot, 0.8 l", "price": "29.90", "currency": "EUR", "category": "teaware"}

BODIES: Mapping[str, Any] = {
    "requestPasswordReset": {"account": "ada@shop.example"},
    "resetPassword": {"user_id": USER_ID, "token": "d0p1zx-8f14e45fceea167a", "new_password": NEW_PASSWORD},
    "register": {**_PERSON, "password": PASSWORD, "first_name": "Ada"},
    "signIn": {"username": "ada", "password": PASSWORD},
    "refreshTokens": {"refresh": TOKEN},
    "verifyToken": {"token": TOKEN},
    "signOut": {"refresh": TOKEN},
    "replaceMe": {**_PERSON, "first_name": "Ada", "last_name": "Byron"},
    "updateMe": {"email": "ada.byron@shop.example", "current_password": PASSWORD},
    "deleteMe": {"current_password": PASSWORD},
    "changeMyPassword": {"current_password": PASSWORD, "new_password": NEW_PASSWORD},
    "createUser": {"username": "grace", "email": "grace@shop.example", "password": PASSWORD, "is_staff": True},
    "replaceUser": {**_PERSON, "first_name": "Ada"},
    "updateUser": {"is_active": False},
    "deleteUser": {},
    "createCategory": {"name": "Teaware", "description": "Pots, cups and caddies."},
    "replaceCategory": {"slug": "teaware", "name": "Teaware and cups"},
    "updateCategory": {"description": "Pots, cups, caddies and sieves."},
    "createProduct": {**_GOODS, "stock": 26},
    "replaceProduct": {**_GOODS, "description": "With a removable steel sieve."},
    "updateProduct": {"price": "27.50"},
    "moveStock": {"delta": -3, "reason": "broken in the store"},
    "placeOrder": {
        "items": [{"product_id": PRODUCT_ID, "quantity": 2}],
        "note": "Ring twice.",
        "shipping_address": "1 Square Place, Springfield",
    },
    "updateOrder": {"shipping_address": "2 Square Place, Springfield"},
}
