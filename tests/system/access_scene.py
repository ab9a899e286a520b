"""Who and what a request of each kind needs: people, and things whose ids fill the paths."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.system.access_operations import Operation
from tests.system.client import Client, succeeded
from tests.system.plaza import CUSTOMER_PASSWORD, System
from tests.system.shop import make_category, make_product, place_order

NEW_PASSWORD = "copper-lantern-in-may"
CHANGED = ("note", "first_name", "description")  # of these a PATCH sends those that it may

_numbers = count(1)


@dataclass(frozen=True)
class Scene:
    """A customer who owns an order and a second sign-in, and a catalogue around them.

    `finished_order` can be deleted, the other one be changed and cancelled.
    """

    system: System
    owner: Client
    product: Mapping[str, Any]
    ids: Mapping[str, str]
    finished_order: str

    def path(self, operation: Operation) -> str:
        is_delete = operation.method == "DELETE"
        return operation.path.format_map({**self.ids, "order_id": self.finished_order} if is_delete else self.ids)

    def body(self, operation: Operation) -> Any:
        """What changes something, if the caller may."""
        if operation.body is None:
            return None
        if operation.path == "/api/auth/token/":
            return {"username": self.owner.user["username"], "password": CUSTOMER_PASSWORD}
        return self._example(operation.body)

    def _example(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        changed = [name for name in CHANGED if name in schema["properties"]]
        return {name: self._value(name, schema["properties"][name]) for name in schema.get("required", changed)}

    def _value(self, name: str, schema: Mapping[str, Any]) -> Any:
        if schema.get("type") == "array":
            return [self._example(schema["items"])]
        return self._values()[name]()

    def _values(self) -> Mapping[str, Callable[[], Any]]:
        number = next(_numbers)
        return {
            "username": lambda: f"somebody-{number}",
            "email": lambda: f"somebody-{number}@shop.example",
            "password": lambda: NEW_PASSWORD,
            "current_password": lambda: CUSTOMER_PASSWORD,
            "new_password": lambda: NEW_PASSWORD,
            "first_name": lambda: f"First {number}",
            "note": lambda: f"Note {number}",
            "description": lambda: f"Description {number}",
            "name": lambda: f"Name {number}",
            "sku": lambda: f"ACCESS-{number}",
            "price": lambda: "9.90",
            "category": lambda: self.product["category"],
            "product_id": lambda: self.product["id"],
            "quantity": lambda: 1,
            "delta": lambda: 1,
            "token": lambda: self._sign_in().access,
            "refresh": lambda: self._sign_in().refresh,
        }

    def _sign_in(self) -> Client:
        """One more of the owner's, which may be used up."""
        return self.system.client().signed_in(self.owner.user["username"], CUSTOMER_PASSWORD)


def make_scene(system: System) -> Scene:
    staff, owner = system.staff(), system.customer()
    system.client().signed_in(owner.user["username"], CUSTOMER_PASSWORD)
    (other,) = [each for each in succeeded(owner.get("/api/auth/sessions/")) if not each["current"]]
    product = make_product(staff)
    order, finished = place_order(owner, product), place_order(owner, product)
    succeeded(owner.post(f"/api/orders/{finished['id']}/cancel/"))
    ids = {
        "user_id": owner.user["id"],
        "order_id": order["id"],
        "session_id": other["id"],
        "product_id": product["id"],
        "slug": make_category(staff),
    }
    system.sensitive.add(NEW_PASSWORD)
    return Scene(system, owner, product, ids, finished["id"])


def make_staff(system: System) -> Client:
    """Staff that may be deleted."""
    name = f"clerk-{next(_numbers)}"
    body = {"username": name, "email": f"{name}@shop.example", "password": CUSTOMER_PASSWORD, "is_staff": True}
    succeeded(system.staff().post("/api/users/", body), 201)
    return system.client().signed_in(name, CUSTOMER_PASSWORD)
