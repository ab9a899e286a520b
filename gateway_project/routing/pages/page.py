"""One answer as a page. What kind of page it is follows from the route and from the answer."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from gateway_project.auth.tokens import TokenUser
from gateway_project.schemas import orders, products, sessions

from ..exchange import ROUTE_OF_NAME, look_up
from ..operations import Operation
from . import lists, things
from .forms import Choices, Form, is_of_fields, new_key, render_fields, serializer_of
from .frame import person_of
from .looks import Look, look_of, name_of
from .values import Values

KEYS = {"products": "id", "categories": "slug", "orders": "id", "users": "id"}  # what the address of a row ends with


class Page:
    """One answer as a page for the person who asked."""

    def __init__(self, view: Any, request: Any, response: Any, data: Any) -> None:
        self.view, self.request, self.response, self.data = view, request, response, data
        self.route: Any = getattr(view, "route", None)
        self.person: TokenUser | None = person_of(request)
        self.typed = getattr(request, "page_form", None)
        self.is_problem = response.status_code >= 400 and isinstance(data, dict)
        self.is_list = isinstance(data, dict) and "results" in data
        self.is_thing = not self.is_problem and not self.is_list and self.route is not None and isinstance(data, dict)

    @cached_property
    def kind(self) -> type[Any] | None:
        """The schema of what is shown, or of what the path is about."""
        if self.route is None:
            is_sessions = self.request.path.startswith(reverse("auth-sessions"))
            return sessions.SessionPage if is_sessions else None
        operations = self.route.operations
        chosen = [operations.get(method) for method in (self.request.method, "GET", "PATCH", "POST")]
        return next((operation.answer for operation in chosen if operation and operation.answer), None)

    @cached_property
    def look(self) -> Look | None:
        return look_of(self.kind)

    @cached_property
    def categories(self) -> Mapping[str, str]:
        if self.route is None or not self.route.path.startswith("products/"):
            return {}
        found = look_up(self.request, "categories", {"page_size": "100"}) or {"results": []}
        return {row["slug"]: row["name"] for row in found["results"]}

    @cached_property
    def choices(self) -> Choices:
        names: dict[str, str] = {}
        if self.route is not None and self.route.path == "orders/":
            query = {"page_size": "100", "ordering": "name", "in_stock": "true"}
            found = look_up(self.request, "products", query) or {"results": []}
            names = {row["id"]: f"{row['name']} – {row['price']} {row['currency']}" for row in found["results"]}
            names |= {key: key for key in self._typed_products() if key not in names}
        return Choices(self.categories, names)

    @cached_property
    def values(self) -> Values:
        return Values(self.person, self.categories)

    @cached_property
    def faults(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for error in (self.data.get("errors") or ()) if self.is_problem else ():
            found.setdefault(error["pointer"], []).append(error["detail"])
        return found

    @property
    def is_own(self) -> bool:
        """Whether the account in the path is the person's own."""
        user_id = self.view.kwargs.get("user_id", self.person and self.person.pk)
        return bool(self.person and user_id == self.person.pk)

    def context(self) -> dict[str, Any]:
        parts = {"page": self, "name": self.title(), "crumbs": self.crumbs()}
        if self.is_problem:
            return parts | self._problem()
        if self.is_list:
            return parts | self._list()
        return parts | (self._thing() if self.is_thing and self.look else {})

    def title(self) -> str:
        if self.is_problem and not self._refused_form and not self._is_refused_list:
            return str(self.data.get("title", ""))
        if self.route is None:
            return str(self.look.many) if self.look else self.view.get_view_name()
        if self.route.name == "products-product_id-stock":
            return _("Stock of %(name)s") % {"name": self._parent_name()}
        if self.route.name == "users-me-password":
            return _("Change your password")
        if self.is_thing and self.look:
            return name_of(self.look, self.data)
        if self._refused_form:
            return str(self._refused_form.title)
        return str(self.look.many) if self.look else self.view.get_view_name()

    @property
    def _is_refused_list(self) -> bool:
        is_list = self.route is not None and self.request.method == "GET" and "GET" in self.route.operations
        return is_list and any(pointer.startswith("?") for pointer in self.faults)

    def crumbs(self) -> list[tuple[str, str]]:
        """Pairs of name and path, without the page itself."""
        found = [("Plaza", "/")]
        if self.route is None:
            return found
        steps = self.route.path.strip("/").split("/")
        for end in range(1, len(steps)):
            path = "/".join(steps[:end]) + "/"
            parent = next((route for route in ROUTE_OF_NAME.values() if route.path == path), None)
            operation = parent.operations.get("GET") if parent else None
            if operation and operation.permission().has_permission(self.request, self.view):
                found.append((self._name_of_step(operation, path), self._path_of(end)))
        return found

    def _name_of_step(self, operation: Operation, path: str) -> str:
        if path.endswith(">/"):
            return self._parent_name()
        look = look_of(operation.answer)
        return _("Your account") if path == "users/me/" else str(look.many) if look else path

    def _path_of(self, end: int) -> str:
        return "/".join(self.request.path.split("/")[: 2 + end]) + "/"

    @cached_property
    def _parent(self) -> Any:
        """The thing that the path's first parameter names, where the page is about something of it."""
        name = {"products-product_id-stock": "products-product_id", "orders-order_id-cancel": "orders-order_id"}
        looked_up = name.get(self.route.name) if self.route else None
        return look_up(self.request, looked_up, **self.view.kwargs) if looked_up else None

    def _parent_name(self) -> str:
        if self._parent and self.route:
            look = look_of(ROUTE_OF_NAME[self.route.name.rpartition("-")[0]].operations["GET"].answer)
            return name_of(look, self._parent) if look else ""
        return next((str(value)[-8:] for value in self.view.kwargs.values()), "")

    # Kinds of pages.

    def _list(self) -> dict[str, Any]:
        look, route = self.look, self.route
        if look is None:
            return {}
        key = KEYS.get(route.name, "") if route else ""
        shown: dict[str, Any] = {"table": lists.table(look, self.data["results"], self.request.path, self.values, key)}
        shown |= {"next": self.data["next"], "previous": self.data["previous"], "empty": look.empty}
        if route is not None:
            shown |= self._filters()
            shown["forms"] = [form for form in [self._new()] if form]
        elif self.data["results"]:
            question = _("Sign out everywhere? This browser is signed out too.")
            title = _("Sign out everywhere")
            shown["forms"] = [Form(self.request.path, "DELETE", title, title, question=question, is_dangerous=True)]
        return shown

    def _filters(self) -> dict[str, Any]:
        operation, given = self.route.operations["GET"], self.request.query_params
        is_staff = bool(self.person and self.person.is_staff)
        found = lists.filters(operation.query, given, self.categories, self.faults, is_staff=is_staff)
        return {"filters": found, "active": [each for each in found if each.shown]}

    def _thing(self) -> dict[str, Any]:
        assert self.look is not None
        assert self.kind is not None
        thing, path = self.data, self.request.path
        shown: dict[str, Any] = {"facts": things.facts(self.look, thing, self.values)}
        if issubclass(self.kind, orders.Order):
            path = path.removesuffix("cancel/")
            shown |= {"lines": things.lines(thing, self.values), "steps": things.steps(thing, self.values)}
            shown["moves"] = things.moves(thing, path, self.person)
        if issubclass(self.kind, products.Product):
            shown["order_this"] = things.order_this(thing)
        shown["related"] = things.related(self.kind, thing, self.person)
        shown["forms"] = [form for form in (self._edit(), self._password(), self._delete()) if form]
        return shown

    def _problem(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"problem": self.data, "retry_after": self.response.get("Retry-After", "")}
        short = self.data.get("items", ())
        named = [(self.choices.products.get(item["product_id"], item["product_id"]), item) for item in short]
        shown["short"] = [(name, item["requested"], item["available"]) for name, item in named]
        if form := self._refused_form:
            return shown | {"forms": [form], "loose_faults": form.faults}
        shown["loose_faults"] = [m for p, messages in self.faults.items() for m in messages if not p.startswith("?")]
        if self._is_refused_list:
            return shown | self._filters()
        return shown

    # Forms.

    @cached_property
    def _refused_form(self) -> Form | None:
        """The form that was refused, as it was typed."""
        if not self.is_problem or self.typed is None or self.route is None:
            return None
        operation = self.route.operations.get(self.request.method)
        if operation is None:
            return None
        serializer = serializer_of(operation, self.person, typed=self.typed, own=self.is_own)
        if serializer is None or not is_of_fields(serializer, self.typed):
            return None
        form = self._form(self.request.method, self._form_title(self.request.method), serializer, is_open=True)
        if form.key and self.response.status_code >= 500:  # nobody knows whether it was done: the same key asks again
            form.key = self.typed.get("_key") or form.key
        return form

    def _form_title(self, method: str) -> Any:
        if self.route.name == "users-me-password":
            return _("Change your password")
        if self.route.name == "auth-register":
            return _("Register")
        return self.look.new if self.look and method == "POST" else _("Delete") if method == "DELETE" else _("Edit")

    def _form(self, method: str, title: Any, serializer: Any, *, is_open: bool = False) -> Form:
        operation = self.route.operations[method]
        button = self.look.make if self.look and method == "POST" and title == self.look.new else title
        button = _("Save") if method in ("PATCH", "PUT") else button
        form = Form(self.request.path, method, title, button, is_open=is_open, is_dangerous=method == "DELETE")
        form.fields, form.faults = render_fields(serializer, self.choices, self.faults, f"{method.lower()}-form")
        form.has_lines = "items" in serializer.fields
        form.key = new_key() if operation.replay_safe else ""
        form.hidden = {"_name": self.typed["_name"]} if self.typed and "_name" in self.typed else {}
        return form

    def _may(self, method: str) -> bool:
        operation = self.route.operations.get(method)
        return bool(operation and operation.permission().has_permission(self.request, self.view))

    def _new(self) -> Form | None:
        if not self._may("POST"):
            return None
        typed = self.typed if self.typed and "_more" in self.typed else None
        made = serializer_of(self.route.operations["POST"], self.person, typed=typed, own=False)
        return self._form("POST", self._form_title("POST"), made, is_open=typed is not None) if made else None

    def _edit(self) -> Form | None:
        assert self.kind is not None
        if not self._may("PATCH") or not things.is_editable(self.kind, self.data):
            return None
        made = serializer_of(self.route.operations["PATCH"], self.person, thing=self.data, own=self.is_own)
        return self._form("PATCH", _("Edit"), made) if made else None

    def _password(self) -> Form | None:
        if self.route.name != "users-me":
            return None
        operation = ROUTE_OF_NAME["users-me-password"].operations["POST"]
        made = serializer_of(operation, self.person, own=True)
        assert made is not None
        fields, _none = render_fields(made, self.choices, {}, "password-form")
        title = _("Change your password")
        return Form(reverse("users-me-password"), "POST", title, title, fields)

    def _delete(self) -> Form | None:
        assert self.kind is not None
        assert self.look is not None
        if not self._may("DELETE") or not things.is_deletable(self.kind, self.data):
            return None
        name = name_of(self.look, self.data)
        form = Form(self.request.path, "DELETE", _("Delete"), _("Yes, delete it"), hidden={"_name": name})
        form.question, form.is_dangerous = str(self.look.question) % {"name": name}, True
        if made := serializer_of(self.route.operations["DELETE"], self.person, own=self.is_own):
            form.fields, _none = render_fields(made, self.choices, {}, "delete-form")
        return form

    def _typed_products(self) -> list[str]:
        return [value for name, value in (self.typed or {}).items() if name.endswith("]product_id") and value]
