"""Forms, made of the route table's schemas by DRF's own form renderer with Plaza's templates."""

from collections.abc import Mapping
from dataclasses import dataclass, field as factory
from typing import Any

from django.http import QueryDict
from django.utils.safestring import SafeString
from rest_framework import serializers
from rest_framework.renderers import HTMLFormRenderer
from rest_framework.utils.field_mapping import ClassLookupDict

from common.identifiers import new_id
from gateway_project.auth.tokens import TokenUser
from gateway_project.schemas.orders import OrderChange

from ..operations import Operation
from .labels import HELP, LABELS

Faults = Mapping[str, list[str]]  # messages by JSON pointer
BY_BUTTONS: Mapping[type[Any], frozenset[str]] = {OrderChange: frozenset({"status"})}
ROLES = frozenset({"is_staff", "is_active"})
TEXTAREAS = frozenset({"note", "shipping_address"})
AUTOCOMPLETE = {
    "current_password": "current-password",
    "new_password": "new-password",
    "password": "new-password",
    "email": "email",
    "first_name": "given-name",
    "last_name": "family-name",
    "shipping_address": "street-address",
}


STYLES: dict[Any, dict[str, Any]] = {
    **HTMLFormRenderer.default_style.mapping,
    serializers.DecimalField: {"base_template": "input.html", "input_type": "number", "step": "0.01"},
}


class FormRenderer(HTMLFormRenderer):
    template_pack = "plaza/fields/"
    default_style = ClassLookupDict(STYLES)


@dataclass(slots=True)
class Form:
    """A form as the templates take it.

    Attributes:
        path, method: where it goes.
        title: its heading, and that of what unfolds it.
        button: what its button says.
        fields: its fields as HTML.
        hidden: further values that it sends.
        question: what it asks before it does something that can't be undone.
        key: an idempotency key, so that a form sent twice is carried out once.
        has_lines: whether a line can be added.
        is_open: whether it is unfolded from the start.
        faults: messages that belong to none of its fields.
    """

    path: str
    method: str
    title: Any
    button: Any
    fields: SafeString | str = ""
    hidden: dict[str, str] = factory(default_factory=dict)
    question: str = ""
    key: str = ""
    has_lines: bool = False
    is_open: bool = False
    is_dangerous: bool = False
    faults: list[str] = factory(default_factory=list)


@dataclass(frozen=True, slots=True)
class Choices:
    """What selects offer: labels by value."""

    categories: Mapping[str, str]
    products: Mapping[str, str]


def serializer_of(
    operation: Operation, person: TokenUser | None, *, thing: Any = None, typed: QueryDict | None = None, own: bool
) -> serializers.Serializer[Any] | None:
    """The operation's body without what this person can't or needn't write; with what was typed, else with `thing`."""
    if operation.body is None:
        return None
    made = operation.body(thing) if typed is None else operation.body(thing, data=typed)
    is_staff = bool(person and person.is_staff)
    without = set(BY_BUTTONS.get(operation.body, ()))
    without |= ROLES if own or not is_staff else {"current_password"} if operation.guesses else set()
    for name, each in list(made.fields.items()):
        if each.read_only or name in without:
            del made.fields[name]
    return made if made.fields else None


def is_of_fields(serializer: serializers.Serializer[Any] | None, typed: QueryDict) -> bool:
    """Whether one of the serializer's fields was in the form, and not only a button."""
    return serializer is not None and any(name.partition("[")[0] in serializer.fields for name in typed)


def render_fields(
    serializer: serializers.Serializer[Any], choices: Choices, faults: Faults, form_id: str
) -> tuple[SafeString | str, list[str]]:
    """The fields as HTML with their faults, and the faults that belong to none of them."""
    typed = getattr(serializer, "initial_data", None)
    if typed is not None:
        checked: Any = serializer  # it has been, here or by the service
        checked._validated_data = {}
        checked._errors = {name: faults.get(f"/{name}", []) for name in serializer.fields}
    field: Any
    for name, field in serializer.fields.items():
        field.label, field.help_text = LABELS[name], HELP.get(name, field.help_text or "")
        field.style = {**field.style, **_style_of(name, choices), "form": form_id}
        if isinstance(field, serializers.ListSerializer):
            field.style |= {"template": "plaza/fields/items.html", "products": list(choices.products.items())}
            field.style["rows"] = line_rows(field, typed, faults)
    html = FormRenderer().render(serializer.data, None, {"style": {"template_pack": FormRenderer.template_pack}})
    rest = [message for pointer, messages in faults.items() for message in messages if _is_loose(pointer, serializer)]
    return html, rest


def line_rows(lines: Any, typed: QueryDict | None, faults: Faults) -> list[dict[str, Any]]:
    """The rows of an order's form: those that were typed, and one that is empty."""
    rows = [] if typed is None else [dict(row.items()) for row in _typed_rows(lines, typed)]
    for index, row in enumerate(rows):
        row["faults"] = {name: faults.get(f"/items/{index}/{name}", []) for name in ("product_id", "quantity")}
    if typed is None or "_more" in typed or not rows:
        rows.append({"product_id": "", "quantity": "1", "faults": {}})
    return rows


def new_key() -> str:
    return str(new_id())


def _typed_rows(lines: Any, typed: QueryDict) -> Any:
    rows = lines.get_value(typed)
    return rows if isinstance(rows, list) else []


def _style_of(name: str, choices: Choices) -> dict[str, Any]:
    style: dict[str, Any] = {"autocomplete": AUTOCOMPLETE.get(name, "off")}
    if name == "category" and choices.categories:
        style |= {"base_template": "select.html", "options": list(choices.categories.items())}
    if name in TEXTAREAS:
        style |= {"base_template": "textarea.html", "rows": 3}
    return style


def _is_loose(pointer: str, serializer: serializers.Serializer[Any]) -> bool:
    name, _, rest = pointer.removeprefix("/").partition("/")
    if name not in serializer.fields:
        return True
    return bool(rest) and not isinstance(serializer.fields[name], serializers.ListSerializer)
