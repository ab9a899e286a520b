"""The tables that `bench growth` fills are those that a Plaza would have written."""

from pathlib import Path

from experiments.bench import filling
from tests.support.http import succeeded
from tests.support.plaza import Plaza

ROWS = 1_000


def test_a_plaza_whose_tables_were_filled_in_serves_them_and_audits_clean(tmp_path: Path) -> None:
    plaza = Plaza(tmp_path / "data")
    assert plaza.run("migrate").returncode == 0
    filling.fill_sqlite(plaza.data_dir, ROWS)
    try:
        plaza.up()
        staff = plaza.staff()
        for path in ("products", "orders", "users"):
            page = succeeded(staff.get(f"/api/{path}/?page_size=100"))
            assert len(page["results"]) == 100
        product_id, order_id = filling.row_id("product", 21), filling.row_id("order", 21)
        assert succeeded(staff.get(f"/api/products/{product_id}/"))["name"] == "Teapot 21"
        order = succeeded(staff.get(f"/api/orders/{order_id}/"))
        assert (order["status"], [event["status"] for event in order["history"]]) == (
            "confirmed",
            ["pending", "confirmed"],
        )
        audited = plaza.run("audit", "--json", "--pause", "0.5")
        assert audited.returncode == 0, audited.stdout + audited.stderr
    finally:
        plaza.down()
