"""A page of a list: its table, its filters, and the way on and back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.translation import gettext as _
from rest_framework import serializers

from gateway_project.schemas.orders import STATUSES as ALL_STATUSES

from .labels import LABELS, ORDERINGS, STATUSES
from .looks import Look, name_of
from .values import MONEY, Html, Values, link

NUMBERS = MONEY | {"stock", "delta"}
PAGE_SIZES = ("20", "50", "100")
FOR_STAFF = frozenset({"user_id"})


@dataclass(frozen=True, slots=True)
class Cell:
    name: str
    label: Any
    value: Html
    is_number: bool


@dataclass(slots=True)
class Filter:
    """One control of the filter bar. `options` are pairs of value and label, if it is a select."""

    name: str
    label: Any
    kind: str
    value: str
    options: list[tuple[str, Any]]
    faults: list[str]
    shown: str = ""  # what is chosen, in words
    without: str = ""  # the same list without this filter

    @property
    def fault_id(self) -> str:
        return f"filter-{self.name}-fault" if self.faults else ""


def table(look: Look, rows: Iterable[Mapping[str, Any]], path: str, values: Values, key: str) -> dict[str, Any]:
    """`header` and `rows` of cells. The first cell of a row leads to the thing, where there is a page of it."""
    columns = [name for name in look.columns if name not in FOR_STAFF or (values.person and values.person.is_staff)]
    header = [(LABELS[name] if name != "id" else _("Order"), name in NUMBERS) for name in columns]
    body = []
    for row in rows:
        cells = [Cell(name, LABELS[name], values.show(name, row), name in NUMBERS) for name in columns]
        if key:
            cells[0] = Cell(columns[0], cells[0].label, link(f"{path}{row[key]}/", name_of(look, row)), False)
        body.append(cells)
    return {"header": header, "rows": body}


def filters(
    query: type[serializers.Serializer[Any]],
    given: QueryDict,
    categories: Mapping[str, str],
    faults: Mapping[str, list[str]],
    *,
    is_staff: bool,
) -> list[Filter]:
    """The bar of a list: a control for each parameter of its query but the cursor."""
    found = []
    fields = query().fields
    for name in sorted(fields, key=_place):
        field = fields[name]
        if name == "cursor" or (name in FOR_STAFF and not is_staff):
            continue
        control = _control(name, field, given.get(name, ""), categories)
        control.faults = faults.get(f"?{name}", [])
        _describe(control, given)
        found.append(control)
    return found


def _place(name: str) -> int:
    """The search comes first, then what narrows, then how it is shown."""
    return {"search": -1, "ordering": 1, "page_size": 2}.get(name, 0)


def _control(name: str, field: Any, value: str, categories: Mapping[str, str]) -> Filter:
    label = LABELS[name]
    if name == "category" and categories:
        return Filter(name, label, "select", value, [("", _("all")), *categories.items()], [])
    if name == "page_size":
        return Filter(name, label, "select", value or PAGE_SIZES[0], [(size, size) for size in PAGE_SIZES], [])
    if name == "ordering":
        return Filter(name, label, "select", value or "-created_at", list(ORDERINGS.items()), [])
    if isinstance(field, serializers.BooleanField):
        return Filter(name, label, "select", value, [("", _("all")), ("true", _("yes")), ("false", _("no"))], [])
    if isinstance(field, serializers.ChoiceField):
        choices = [(status, STATUSES[status]) for status in ALL_STATUSES]
        return Filter(name, label, "select", value, [("", _("all")), *choices], [])
    if isinstance(field, serializers.DecimalField):
        return Filter(name, label, "number", value, [], [])
    if isinstance(field, serializers.DateTimeField):
        return Filter(name, label, "datetime-local", value.removesuffix("Z")[:16], [], [])
    return Filter(name, label, "search" if name == "search" else "text", value, [], [])


def _describe(control: Filter, given: QueryDict) -> None:
    """What an active filter is, and the way to be without it."""
    if given.get(control.name):
        control.shown = str(dict(control.options).get(control.value, control.value))
        kept = {name: value for name, value in given.items() if value and name not in (control.name, "cursor")}
        control.without = f"?{urlencode(kept)}"
