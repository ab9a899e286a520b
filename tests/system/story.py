"""The examples of the OpenAPI document, sent one after the other.

They tell one story, in which Ada registers, buys, and leaves. Only ids and tokens are those of the Plaza.
"""

from typing import Any

import requests

from tests.support.http import succeeded
from tests.support.plaza import CUSTOMER_PASSWORD, Plaza
from tests.system.shop import make_category

# Each operation and who calls it. What ends something comes last.
STORY = """
register=nobody signIn=nobody verifyToken=nobody refreshTokens=nobody
requestPasswordReset=nobody resetPassword=nobody
createUser=staff listUsers=staff getUser=ada replaceUser=staff updateUser=staff deleteUser=staff
getMe=ada replaceMe=ada updateMe=ada
createCategory=staff listCategories=ada getCategory=ada replaceCategory=staff updateCategory=staff
createProduct=staff listProducts=ada getProduct=ada replaceProduct=staff updateProduct=staff
moveStock=staff listStockMovements=staff
placeOrder=ada listOrders=ada getOrder=ada updateOrder=ada cancelOrder=ada deleteOrder=ada
deleteProduct=staff deleteCategory=staff getStatus=staff
listSessions=ada endSession=ada changeMyPassword=ada signOut=nobody endAllSessions=ada deleteMe=ada
"""
TWICE = {"GET", "placeOrder", "moveStock"}  # to be answered from the cache, or as before


class Story:
    def __init__(self, plaza: Plaza, document: dict[str, Any]) -> None:
        self.plaza, self.document = plaza, document
        self.people = {"nobody": plaza.client(), "staff": plaza.staff(), "ada": plaza.client()}
        self.ids: dict[str, str] = {}
        self._free_the_name("ada")
        self.password = CUSTOMER_PASSWORD
        self.operations = {
            operation["operationId"]: (method, path, operation)
            for path, item in document["paths"].items()
            for method, operation in item.items()
        }

    def _free_the_name(self, name: str) -> None:
        """Another test may have had it."""
        staff = self.people["staff"]
        for row in succeeded(staff.get(f"/api/users/?search={name}&page_size=100"))["results"]:
            if row["username"].lower() == name:
                assert staff.delete(f"/api/users/{row['id']}/").status_code == 204

    def tell(self, name: str, who: str) -> list[requests.Response]:
        """What the operation answers to its example; twice where that differs."""
        method, path, operation = self.operations[name]
        self._prepare(name)
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
        headers = {"Idempotency-Key": f"story-{name}"} if name in TWICE else {}
        answers = [
            self.people[who].request(
                method.upper(), path.format_map(self.ids), json=self._with_real_ids(body), headers=headers
            )
            for _ in range(2 if TWICE & {name, method.upper()} else 1)
        ]
        self._remember(name, answers[0])
        return answers

    def _prepare(self, name: str) -> None:
        """What somebody would have done before."""
        if name == "deleteMe":
            self.people["ada"].signed_in("ada", "copper-lantern-in-may")
            self._set_password(CUSTOMER_PASSWORD)
        if name == "endSession":
            self.plaza.client().signed_in("ada", CUSTOMER_PASSWORD)
            rows = succeeded(self.people["ada"].get("/api/auth/sessions/"))["results"]
            self.ids["session_id"] = next(row["id"] for row in rows if not row["current"])
        if name == "deleteCategory":  # the other one holds a product
            self.ids["slug"] = make_category(self.plaza.staff())
        if name == "updateUser":
            self.ids["user_id"] = self.ids["grace"]

    def _set_password(self, password: str, before: str = "copper-lantern-in-may") -> None:
        change = {"current_password": before, "new_password": password}
        assert self.people["ada"].post("/api/users/me/password/", change).status_code == 204

    def _with_real_ids(self, body: Any) -> Any:
        if not body:
            return body
        if "user_id" in body:  # and the token of a letter
            address = succeeded(self.people["ada"].get("/api/users/me/"))["email"]
            user_id, token = self.plaza.reset_link(address).strip("/").split("/")[-2:]
            return body | {"user_id": user_id, "token": token}
        # Every token belongs to a sign-in of its own, since it may end.
        tokens = self.plaza.client() if {"refresh", "token"} & set(body) else None
        if tokens:
            tokens.signed_in("ada", self.password)
            body = {name: tokens.refresh if name == "refresh" else tokens.access for name in body}
        if "items" in body:
            body = body | {"items": [item | {"product_id": self.ids["product_id"]} for item in body["items"]]}
        return body

    def _remember(self, name: str, answer: requests.Response) -> None:
        if name == "changeMyPassword":
            self.password = "copper-lantern-in-may"
        if name == "resetPassword":
            set_anew = self.operations[name][2]["requestBody"]["content"]["application/json"]["example"]["new_password"]
            self.people["ada"].signed_in("ada", set_anew)
            self._set_password(CUSTOMER_PASSWORD, set_anew)
        if name == "signIn":
            self.people["ada"].signed_in("ada", CUSTOMER_PASSWORD)
        if answer.status_code == 201:
            made = answer.json()
            key = {"register": "ada", "createUser": "grace", "createCategory": "slug", "createProduct": "product_id"}
            self.ids[key.get(name, "order_id")] = made.get("slug") or made["id"]
            self.ids["user_id"] = self.ids["ada"]


def tell_story(plaza: Plaza) -> dict[str, tuple[dict[str, Any], list[requests.Response]]]:
    """Each operation, and what it answered. Once for each Plaza, as Ada's name is taken afterwards."""
    if plaza.port not in _told:
        _told[plaza.port] = _tell(plaza)
    return _told[plaza.port]


def _tell(plaza: Plaza) -> dict[str, tuple[dict[str, Any], list[requests.Response]]]:
    story = Story(plaza, plaza.client().get("/api/schema/?format=json").json())
    steps = [step.split("=") for step in STORY.split()]
    assert sorted(name for name, _ in steps) == sorted(story.operations)
    return {name: (story.operations[name][2], story.tell(name, who)) for name, who in steps}


_told: dict[int, dict[str, tuple[dict[str, Any], list[requests.Response]]]] = {}
