"""`manage.py export_orders` and `export_user`."""

import csv
import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from common import batches
from common.identifiers import new_id
from orders_project.orders.exports import ITEM_COLUMNS, ORDER_COLUMNS
from orders_project.orders.management.commands import export_user
from orders_project.orders.models import IdempotencyKey, Order, OrderEvent
from orders_project.orders.serializers import OrderSerializer
from orders_project.orders.services import Placement, cancel_order, hide_order, place_order
from tests.orders.rows import at
from tests.support.personal import personal_models

pytestmark = pytest.mark.django_db

ADA, GRACE = new_id(), new_id()
PRODUCTS = [new_id(), new_id()]


def order(day: int, *, lines: int = 1, user: Any = ADA, key: str | None = None, **fields: str) -> Order:
    """Placed on that day of November, at noon."""
    placed, _ = place_order(Placement(user, dict.fromkeys(PRODUCTS[:lines], 2), key=key, **fields))
    return at(placed, datetime(2026, 11, day, 12, tzinfo=UTC))


def export(*arguments: str) -> str:
    out = StringIO()
    call_command("export_orders", *arguments, stdout=out)
    return out.getvalue()


def ids(*arguments: str) -> list[str]:
    return [json.loads(line)["id"] for line in export("--format", "jsonl", *arguments).splitlines()]


def test_json_lines_are_the_orders_as_the_api_shows_them_oldest_first() -> None:
    orders = [order(2, lines=2, note="\u201cñ\u201d\n2"), order(1)]
    lines = export("--format", "jsonl").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [str(each.pk) for each in reversed(orders)]
    shown = json.loads(lines[1])
    assert shown.keys() == OrderSerializer.Meta.fields or set(shown) == set(OrderSerializer.Meta.fields)
    assert (shown["note"], [item["quantity"] for item in shown["items"]]) == ("\u201cñ\u201d\n2", [2, 2])


def test_csv_has_a_line_for_each_product_of_an_order() -> None:
    first, second = order(1, lines=2, shipping_address='1, "Main" St\nX'), order(2)
    header, *rows = csv.reader(StringIO(export()))
    assert tuple(header) == (*ORDER_COLUMNS, *ITEM_COLUMNS)
    assert [row[0] for row in rows] == [str(first.pk), str(first.pk), str(second.pk)]
    row = dict(zip(header, rows[0], strict=True))
    assert (row["created_at"], row["status"], row["quantity"]) == ("2026-11-01T12:00:00Z", "pending", "2")
    assert (row["shipping_address"], row["total"]) == ('1, "Main" St\nX', "")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_a_customer_s_text_is_no_formula_in_a_spreadsheet(text: str) -> None:
    order(1, note=text)
    header, row = csv.reader(StringIO(export()))
    assert dict(zip(header, row, strict=True))["note"] == f"'{text}"
    assert json.loads(export("--format", "jsonl"))["note"] == text


def test_from_is_included_and_to_is_not() -> None:
    days = {day: str(order(day).pk) for day in (1, 2, 3)}
    assert ids("--from", "2026-11-02") == [days[2], days[3]]
    assert ids("--to", "2026-11-02T12:00:00Z") == [days[1]]
    assert ids("--from", "2026-11-02T14:00:00+02:00", "--to", "2026-11-03") == [days[2]]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--from", "yesterday"), "'yesterday' is neither a day"),
        (("--from", "2026-11-02", "--to", "2026-11-02"), "--from is not before --to"),
        (("--format", "xml"), "invalid choice: 'xml'"),
        (("/nowhere/orders.csv",), "/nowhere/orders.csv: No such file"),
    ],
)
def test_what_can_not_be_is_said(arguments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        export(*arguments)


def test_deleted_orders_are_left_out_and_a_file_is_counted(tmp_path: Path) -> None:
    gone, kept = order(1), order(2)
    cancel_order(order_id=gone.pk, by=ADA)
    hide_order(order_id=gone.pk)
    told = StringIO()
    call_command("export_orders", str(tmp_path / "all.csv"), stderr=told)
    assert told.getvalue() == "1 orders\n"
    assert str(kept.pk) in (tmp_path / "all.csv").read_text()


def test_a_batch_at_a_time_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "SIZE", 2)
    placed = [str(order(1).pk) for _ in range(5)]  # of one moment
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert ids() == placed
    from_orders = [query["sql"] for query in asked if 'FROM "orders_order" ' in query["sql"]]
    assert len(from_orders) == 4
    assert all("LIMIT 2" in sql for sql in from_orders)


# What is held about a person.


def held(user_id: Any) -> dict[str, list[dict[str, Any]]]:
    out = StringIO()
    call_command("export_user", str(user_id), stdout=out)
    found: dict[str, list[dict[str, Any]]] = json.loads(out.getvalue())
    return found


def test_all_of_a_person_and_nothing_of_others_is_exported() -> None:
    mine, other = order(1, lines=2, key="k", note="mine"), order(2, user=GRACE)
    cancel_order(order_id=mine.pk, by=ADA)
    hide_order(order_id=mine.pk)
    OrderEvent.objects.create(order=other, status="confirmed", by=ADA)  # as staff
    found = held(ADA)
    assert [row["note"] for row in found["orders"]] == ["mine"]
    assert found["orders"][0].keys() == {field.attname for field in Order._meta.concrete_fields}
    assert [(row["order_id"], row["status"]) for row in found["events"]] == [
        (str(mine.pk), "cancelled"),
        (str(other.pk), "confirmed"),
    ]
    assert [row["key"] for row in found["idempotency_keys"]] == ["k"]
    assert held(new_id()) == {"orders": [], "lines": [], "events": [], "idempotency_keys": []}
    assert IdempotencyKey.objects.count() == 1


def test_what_is_no_id_is_refused() -> None:
    with pytest.raises(CommandError, match="'ada' is not the id of a user"):
        call_command("export_user", "ada")


def test_every_table_that_names_a_person_is_exported() -> None:
    assert personal_models() <= {rows.model for rows in export_user.Command().rows_about(new_id()).values()}
