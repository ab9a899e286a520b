"""The page of one thing: its facts, and what may be done with it next."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from gateway_project.auth.tokens import TokenUser
from gateway_project.schemas import orders, products, users

from .forms import Form, new_key
from .labels import LABELS
from .looks import Look
from .values import Html, Values, link

MOVE_TITLES = {
    "paid": gettext_lazy("Mark as paid"),
    "shipped": gettext_lazy("Mark as shipped"),
    "delivered": gettext_lazy("Mark as delivered"),
    "cancelled": gettext_lazy("Cancel this order"),
}
OPTIONAL_FACTS = frozenset({"reason", "first_name", "last_name", "note", "shipping_address", "description"})
LINE_COLUMNS = ("product_id", "sku", "unit_price", "quantity", "line_total")


def facts(look: Look, thing: Mapping[str, Any], values: Values) -> list[tuple[Any, Html]]:
    """Pairs of label and value; what may be empty, and is, is left out."""
    names = [name for name in look.facts if thing.get(name) not in (None, "") or name not in OPTIONAL_FACTS]
    return [(LABELS[name], values.show(name, thing)) for name in names]


def lines(order: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """The table of an order's products."""
    rows = []
    for item in order["items"]:
        row = {**item, "currency": order["currency"]}
        rows.append([(LABELS[name], values.show(name, row), name in LINE_COLUMNS[2:]) for name in LINE_COLUMNS])
    header = [(LABELS[name], name in LINE_COLUMNS[2:]) for name in LINE_COLUMNS]
    count = sum(item["quantity"] for item in order["items"])
    return {
        "header": header,
        "rows": rows,
        "total": values.show("total", order),
        "count": ngettext("%(count)d piece", "%(count)d pieces", count) % {"count": count},
    }


def steps(order: Mapping[str, Any], values: Values) -> list[tuple[Html, Html, Html]]:
    """What happened to an order: status, when, by whom."""
    return [(values.show("status", e), values.show("at", e), values.show("by", e)) for e in order["history"]]


def related(kind: type[Any], thing: Mapping[str, Any], person: TokenUser | None) -> list[Html]:
    """Links to what belongs to the thing and has a page of its own."""
    return list(_related(kind, thing, person))


def _related(kind: type[Any], thing: Mapping[str, Any], person: TokenUser | None) -> Iterator[Html]:
    is_staff = bool(person and person.is_staff)
    if issubclass(kind, products.Product) and is_staff:
        path = reverse("products-product_id-stock", kwargs={"product_id": thing["id"]})
        yield link(path, _("Move stock, and its ledger"))
    if issubclass(kind, products.Category):
        yield link(f"{reverse('products')}?category={thing['slug']}", _("Products of this category"))
    if issubclass(kind, users.User):
        is_own = bool(person and str(person.pk) == thing["id"])
        if is_own:
            yield link("/sessions/", _("Where you are signed in"))
            yield link(reverse("orders"), _("Your orders"))
        elif is_staff:
            yield link(f"{reverse('orders')}?user_id={thing['id']}", _("Orders of this customer"))


def is_editable(kind: type[Any], thing: Mapping[str, Any]) -> bool:
    return not issubclass(kind, orders.Order) or thing["status"] in orders.EDITABLE


def is_deletable(kind: type[Any], thing: Mapping[str, Any]) -> bool:
    return not issubclass(kind, orders.Order) or thing["status"] in orders.FINISHED


def moves(order: Mapping[str, Any], path: str, person: TokenUser | None) -> list[Form]:
    """What may be done next with an order, by this person. The service decides again."""
    found = []
    for status, earlier in orders.MOVES.items():
        if order["status"] not in earlier:
            continue
        title = MOVE_TITLES[status]
        if status == "cancelled":
            question = _("Cancel this order? What it holds goes back into stock.")
            cancelling = Form(f"{path}cancel/", "POST", title, _("Yes, cancel it"), question=question)
            cancelling.is_dangerous = True
            found.append(cancelling)
        elif person and person.is_staff:
            found.append(Form(path, "PATCH", title, title, hidden={"status": status}))
    return found


def order_this(product: Mapping[str, Any]) -> Form | None:
    """The form with which a product is ordered, while there is any."""
    if not product["stock"]:
        return None
    hidden = {"items[0]product_id": product["id"]}
    return Form(reverse("orders"), "POST", _("Order this"), _("Order this"), hidden=hidden, key=new_key())
