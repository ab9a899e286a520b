"""Every operation of the public API, and the people and things that a request to each of them needs.

The operations come from the gateway's own OpenAPI document, so a new route is tested without being listed here. A new
path parameter or a new required field needs a value: until `Scene` has one, the tests fail with a `KeyError`.
"""

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.support.http import Client, succeeded
from tests.support.plaza import CUSTOMER_PASSWORD, PROJECTS, Plaza, eventually
from tests.system.shop import make_category, make_product, place_order

OWNED = {"user_id", "order_id", "session_id"}  # for other users, these do not exist
OWNED_FROM_STAFF_TOO = {"session_id"}
TOKEN_IN_THE_BODY = re.compile("/api/auth/(token/|logout/)")  # these ignore the Authorization header
NEW_PASSWORD = "copper-lantern-in-may"
CHANGEABLE = ("note", "first_name", "description")  # a PATCH sends those of these that its body may have
OUTBOXES = {"users_project": "users_resetrequest", "orders_project": "orders_order WHERE wants <> ''"}
NOT_COMPARED = {"gateway_status_circuittransition"}  # on a busy machine slow answers may move a circuit at any time

Refusal = tuple[int, str]
Contents = dict[str, list[tuple[object, ...]]]
FORBIDDEN, MISSING = (403, "permission-denied"), (404, "not-found")

_numbers = count(1)


@dataclass(frozen=True)
class Operation:
    """`access` is open, user or staff. `body` is the schema of the body, `success` the status of an allowed request."""

    method: str
    path: str
    access: str
    success: int
    body: Mapping[str, Any] | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> set[str]:
        return set(re.findall(r"{(\w+)}", self.path))

    @property
    def is_safe(self) -> bool:
        return self.method in {"GET", "HEAD"}

    @property
    def reads_the_header(self) -> bool:
        return not TOKEN_IN_THE_BODY.match(self.path)

    def refusal(self, role: str) -> Refusal | None:
        """How it refuses a signed-in `user`, `other user` or `staff`. None if the role is allowed."""
        if self.access == "staff" and role != "staff":
            return FORBIDDEN
        hidden: set[str] = {"user": set(), "other user": OWNED, "staff": OWNED_FROM_STAFF_TOO}[role]
        return MISSING if self.parameters & hidden else None


def read_operations(client: Client) -> list[Operation]:
    """All operations, with a HEAD for each GET. Deletions come last."""
    response = client.get("/api/schema/?format=json")
    assert response.status_code == 200
    operations = Document(response.json()).operations()
    return sorted(operations, key=lambda operation: (operation.method == "DELETE", operation.path))


class Document:
    """An OpenAPI document, read with its references resolved."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema

    def operations(self) -> Iterator[Operation]:
        for path, item in self._schema["paths"].items():
            for method, described in item.items():
                success = min(int(status) for status in described["responses"])
                operation = Operation(method.upper(), path, described["x-access"], success, self._body(described))
                yield operation
                if method == "get":
                    yield Operation("HEAD", path, operation.access, success)

    def _body(self, described: Mapping[str, Any]) -> Any:
        if "requestBody" not in described:
            return None
        return self._resolved(described["requestBody"]["content"]["application/json"]["schema"])

    def _resolved(self, schema: Any) -> Any:
        if isinstance(schema, list):
            return [self._resolved(item) for item in schema]
        if not isinstance(schema, dict):
            return schema
        if reference := schema.get("$ref"):
            return self._resolved(self._schema["components"]["schemas"][reference.rpartition("/")[2]])
        return {name: self._resolved(item) for name, item in schema.items()}


@dataclass(frozen=True)
class Scene:
    """A customer who owns an order and has signed in twice, and a catalogue.

    `finished_order` can be deleted. The order in `ids` can be changed and cancelled.
    """

    plaza: Plaza
    owner: Client
    product: Mapping[str, Any]
    ids: Mapping[str, str]
    finished_order: str

    def path(self, operation: Operation) -> str:
        is_delete = operation.method == "DELETE"
        return operation.path.format_map({**self.ids, "order_id": self.finished_order} if is_delete else self.ids)

    def body(self, operation: Operation) -> Any:
        """A body that changes something when the caller is allowed to send it."""
        if operation.body is None:
            return None
        if operation.path == "/api/auth/token/":
            return {"username": self.owner.user["username"], "password": CUSTOMER_PASSWORD}
        if operation.path == "/api/auth/password-reset/confirm/":
            return self._reset() | {"new_password": NEW_PASSWORD}
        # A new e-mail address and a deletion need the current password.
        confirmed = operation.method in {"PUT", "DELETE"} and "current_password" in operation.body["properties"]
        return self._example(operation.body) | ({"current_password": CUSTOMER_PASSWORD} if confirmed else {})

    def _example(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        changed = [name for name in CHANGEABLE if name in schema["properties"]]
        return {name: self._value(name, schema["properties"][name]) for name in schema.get("required", changed)}

    def _value(self, name: str, schema: Mapping[str, Any]) -> Any:
        if schema.get("type") == "array":
            return [self._example(schema["items"])]
        return self._values()[name]()

    def _values(self) -> Mapping[str, Callable[[], Any]]:
        number = next(_numbers)
        return {
            "username": lambda: f"somebody-{number}",
            "account": lambda: f"somebody-{number}",
            "email": lambda: f"somebody-{number}@shop.example",
            "password": lambda: NEW_PASSWORD,
            "current_password": lambda: CUSTOMER_PASSWORD,
            "new_password": lambda: CUSTOMER_PASSWORD,  # the same again: the next request may need it
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

    def _reset(self) -> dict[str, str]:
        """The link of somebody who has forgotten their password."""
        somebody = self.plaza.customer().user
        self.plaza.client().post("/api/auth/password-reset/", {"account": somebody["username"]})
        _, user_id, token = self.plaza.reset_link(somebody["email"]).strip("/").split("/")
        return {"user_id": user_id, "token": token}

    def _sign_in(self) -> Client:
        """Another sign-in of the owner. The request under test may end it."""
        return self.plaza.client().signed_in(self.owner.user["username"], CUSTOMER_PASSWORD)


def make_scene(plaza: Plaza) -> Scene:
    staff, owner = plaza.staff(), plaza.customer()
    plaza.client().signed_in(owner.user["username"], CUSTOMER_PASSWORD)
    (other,) = [each for each in succeeded(owner.get("/api/auth/sessions/"))["results"] if not each["current"]]
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
    plaza.sensitive.add(NEW_PASSWORD)
    return Scene(plaza, owner, product, ids, finished["id"])


def make_staff(plaza: Plaza) -> Client:
    """A member of staff whom a test may delete."""
    name = f"clerk-{next(_numbers)}"
    body = {"username": name, "email": f"{name}@shop.example", "password": CUSTOMER_PASSWORD, "is_staff": True}
    succeeded(plaza.staff().post("/api/users/", body), 201)
    return plaza.client().signed_in(name, CUSTOMER_PASSWORD)


def contents(plaza: Plaza) -> Contents:
    """The rows of every table of the four databases, by which a test shows that a refused request changed nothing.

    Read when what was asked for before is done: a letter may still be under way, or an order not settled.
    """
    eventually(lambda: not any(_is_waiting(plaza, *outbox) for outbox in OUTBOXES.items()), timeout_s=120)
    return {table: rows for project in PROJECTS for table, rows in _tables(plaza, project).items()}


def changed(before: Contents, after: Contents, project: str) -> list[str]:
    """The tables of `project` whose rows are different."""
    return [name for name in after if name.startswith(project) and before[name] != after[name]]


def _is_waiting(plaza: Plaza, project: str, outbox: str) -> bool:
    with _database(plaza, project) as database:
        return bool(database.execute(f"SELECT EXISTS (SELECT * FROM {outbox})").fetchone()[0])


def _tables(plaza: Plaza, project: str) -> Contents:
    with _database(plaza, project) as database:
        found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        tables = [name for (name,) in found if name not in NOT_COMPARED]
        return {
            f"{project} {table}": sorted(database.execute(f'SELECT * FROM "{table}"'), key=repr) for table in tables
        }


def _database(plaza: Plaza, project: str) -> closing[sqlite3.Connection]:
    path = plaza.data_dir / project / "Data-base.db"
    return closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True))
