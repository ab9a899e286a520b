"""What pages show of each kind of thing, and what they call it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.serializers import ListSerializer

from gateway_project.schemas import orders, products, sessions, users

_SAVE = _("Save")


@dataclass(frozen=True, slots=True)
class Look:
    """Of one kind of thing.

    Attributes:
        many: the heading of their list.
        new: the heading of the form that makes one, and what unfolds it.
        make: what its button says.
        columns: what the list shows of each; the first one is the link.
        facts: what the page of one shows, besides what `things` shows in its own way.
        created, changed, deleted: what is said afterwards, with `%(name)s`.
        question: what is asked before one is deleted, with `%(name)s`.
        empty: what an empty list says.
        named_by: the field whose value is its heading.
    """

    many: Any
    columns: tuple[str, ...]
    facts: tuple[str, ...] = ()
    new: Any = ""
    created: Any = ""
    changed: Any = ""
    deleted: Any = ""
    question: Any = ""
    empty: Any = ""
    make: Any = _SAVE
    named_by: str = "name"


LOOKS: Mapping[type[Any], Look] = {
    products.Product: Look(
        many=_("Products"),
        columns=("name", "category", "price", "stock"),
        facts=("description", "price", "stock", "category", "sku", "created_at", "updated_at", "id"),
        new=_("New product"),
        created=_("“%(name)s” is in the catalogue now."),
        changed=_("“%(name)s” was changed."),
        deleted=_("“%(name)s” was deleted."),
        question=_("Delete “%(name)s”? It leaves the catalogue for good. Orders that have it keep it."),
        empty=_("No product is like that."),
    ),
    products.Category: Look(
        many=_("Categories"),
        columns=("name", "description"),
        facts=("description", "slug"),
        new=_("New category"),
        created=_("The category “%(name)s” was made."),
        changed=_("The category “%(name)s” was changed."),
        deleted=_("The category “%(name)s” was deleted."),
        question=_("Delete the category “%(name)s”? That works only while no product is in it."),
        empty=_("There is no category yet."),
    ),
    products.StockMovement: Look(
        many=_("Stock"),
        columns=("created_at", "delta", "reason", "by"),
        new=_("Move stock"),
        make=_("Move it"),
        created=_("The stock was moved."),
        empty=_("The stock has not been moved yet."),
        named_by="reason",
    ),
    orders.Order: Look(
        many=_("Orders"),
        columns=("id", "status", "items", "total", "created_at", "user_id"),
        facts=("status", "reason", "total", "note", "shipping_address", "user_id", "created_at", "updated_at", "id"),
        new=_("New order"),
        make=_("Place the order"),
        created=_("Thank you. %(name)s is confirmed."),
        changed=_("%(name)s was changed."),
        deleted=_("%(name)s was deleted."),
        question=_("Delete %(name)s? It disappears from all lists, for good."),
        empty=_("There is no order here. Choose a product and press “Order this”, or use “New order”."),
        named_by="",
    ),
    users.User: Look(
        many=_("Users"),
        columns=("username", "email", "first_name", "last_name", "is_staff", "is_active", "date_joined"),
        facts=("username", "email", "first_name", "last_name", "is_staff", "is_active", "date_joined", "id"),
        new=_("New user"),
        created=_("The account “%(name)s” was made."),
        changed=_("The account “%(name)s” was changed."),
        deleted=_("The account “%(name)s” was deleted."),
        question=_("Delete the account “%(name)s”? Name and address are erased, and nothing brings them back."),
        empty=_("No account is like that."),
        named_by="username",
    ),
    sessions.Session: Look(
        many=_("Sign-ins"),
        columns=("device", "address", "created_at", "last_used_at", "current"),
        empty=_("Nobody is signed in."),
        named_by="device",
    ),
}


def look_of(schema: type[Any] | None) -> Look | None:
    """That of a schema or its parents; a page's is that of its rows."""
    if schema is None:
        return None
    rows = schema().fields.get("results")
    kind = type(rows.child) if isinstance(rows, ListSerializer) else schema
    return next((LOOKS[parent] for parent in kind.__mro__ if parent in LOOKS), None)


def name_of(look: Look, thing: Mapping[str, Any]) -> str:
    """What one is called: an order by the end of its id, which no other order is likely to share."""
    if look.named_by:
        return str(thing.get(look.named_by, ""))
    return str(_("Order %(number)s")) % {"number": str(thing.get("id", ""))[-8:]}
