"""`import_products` and `export_products`."""

import io
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from common.identifiers import new_id
from common.progress import CLEAR_LINE
from products_project.products import imports
from products_project.products.models import MAX_STOCK, Category, Product, StockMovement
from products_project.products.reservations import Wanted, reserve_stock
from products_project.products.search import search_products
from products_project.products.services import hide_product
from tests.products.shop import Make, shelf, stock

HEADER = "sku,name,description,price,currency,stock,category\n"
TEAPOT = "TEA-1,Glass teapot,For four,29.90,EUR,26,books\n"


class Run:
    """A command with these lines as its file; what it said."""

    def __init__(self, tmp_path: Path) -> None:
        self.file = tmp_path / "catalogue.csv"
        self.out, self.error = "", ""

    def __call__(self, text: str | bytes, *options: str) -> bool:
        self.file.write_bytes(text.encode() if isinstance(text, str) else text)
        return self.command("import_products", str(self.file), *options)

    def command(self, *arguments: str) -> bool:
        out, error = io.StringIO(), io.StringIO()
        try:
            call_command(*arguments, stdout=out, stderr=error)
        except CommandError as refusal:
            error.write(str(refusal))
            return False
        finally:
            self.out, self.error = out.getvalue(), error.getvalue()
        return True


@pytest.fixture
def run(tmp_path: Path, books: Category) -> Run:
    return Run(tmp_path)


def product(sku: str) -> Product:
    return Product.objects.get(sku=sku)


def test_a_new_product_is_made_with_its_stock_in_the_ledger_and_is_found(run: Run) -> None:
    assert run(HEADER + TEAPOT)
    assert run.out == "1 made, 0 changed, 0 unchanged, 0 bad.\n"
    made = product("TEA-1")
    assert (made.name, made.description, made.price, made.category.slug) == (
        "Glass teapot",
        "For four",
        Decimal("29.90"),
        "books",
    )
    assert stock(made) == 26
    assert StockMovement.objects.get().reason == "initial stock"
    found: Any = search_products({"search": "teapot", "ordering": "-created_at"})
    assert found.read("created_at", True, None, 5) == [made]


def test_what_differs_is_changed_and_the_ledger_gets_the_difference(run: Run, make: Make) -> None:
    known = make(sku="TEA-1", name="Jug", stock=10)
    reserve_stock(order_id=new_id(), wanted=[Wanted(known.pk, 4)])
    assert run(HEADER + TEAPOT)
    assert run.out == "0 made, 1 changed, 0 unchanged, 0 bad.\n"
    assert stock(known) == 26
    assert list(StockMovement.objects.order_by("pk").values_list("delta", "reason")) == [
        (10, "initial stock"),
        (20, "import"),
    ]
    found: Any = search_products({"search": "teapot", "ordering": "-created_at"})
    assert found.read("created_at", True, None, 5) == [known]


def test_what_does_not_differ_is_not_written(run: Run) -> None:
    run(HEADER + TEAPOT)
    before = shelf()
    assert run(HEADER + TEAPOT)
    assert run.out == "0 made, 0 changed, 1 unchanged, 0 bad.\n"
    assert shelf() == before


def test_columns_that_are_missing_stay_as_they_are(run: Run) -> None:
    run(HEADER + TEAPOT)
    assert run("price,sku\n31.50,TEA-1\n")
    changed = product("TEA-1")
    assert (changed.price, changed.name, stock(changed)) == (Decimal("31.50"), "Glass teapot", 26)
    assert StockMovement.objects.count() == 1


def test_an_empty_stock_or_currency_is_an_absent_one(run: Run) -> None:
    assert run(HEADER + "A,Jug,,5,,,books\n")
    assert (product("A").currency, product("A").stock) == ("EUR", 0)
    run(HEADER + TEAPOT)
    assert run("sku,stock\nTEA-1,\n")
    assert stock(product("TEA-1")) == 26


BAD = HEADER + TEAPOT + 'B,"two\nlines",,x,EUR,-1,books\n,Nameless,,1,EUR,1,books\nC,Cup,,1,EUR,1,cups\nD,Dish\n'
REASONS = [
    "line 3: price: A valid number is required.; stock: A valid integer is required.",
    "line 5: sku: This field may not be blank.",
    "line 6: category: Object with slug=cups does not exist.",
    "line 7: 2 cells, where the header has 7",
]


@pytest.mark.parametrize("options", [(), ("--dry-run",), ("--dry-run", "--keep-going")])
def test_a_bad_line_is_named_and_nothing_is_written(run: Run, options: tuple[str, ...]) -> None:
    before = shelf()
    assert not run(BAD, *options)
    assert run.error.splitlines() == [*REASONS, "Bad lines: 4."]
    assert run.out == "1 made, 0 changed, 0 unchanged, 4 bad; nothing was written.\n"
    assert shelf() == before


def test_a_dry_run_of_a_good_file_writes_nothing(run: Run) -> None:
    before = shelf()
    assert run(HEADER + TEAPOT, "--dry-run")
    assert run.out == "1 made, 0 changed, 0 unchanged, 0 bad; nothing was written.\n"
    assert shelf() == before


def test_it_can_keep_going(run: Run) -> None:
    assert not run(BAD, "--keep-going")
    assert run.error.splitlines() == [*REASONS, "Bad lines: 4."]
    assert list(Product.objects.values_list("sku", flat=True)) == ["TEA-1"]


def test_missing_categories_can_be_made(run: Run) -> None:
    assert run(HEADER + "C,Cup,,1,EUR,1,tea-cups\nD,Cup,,1,EUR,1,tea-cups\n", "--make-categories")
    assert product("C").category == Category.objects.get(slug="tea-cups", name="Tea cups")
    assert not run(HEADER + "E,Cup,,1,EUR,1,no slug\n", "--make-categories")
    assert run.error.startswith("line 2: ")


def test_a_dry_run_makes_no_categories(run: Run) -> None:
    assert run(HEADER + "C,Cup,,1,EUR,1,tea-cups\n", "--make-categories", "--dry-run")
    assert Category.objects.count() == 1


def test_the_sku_of_a_removed_product_stays_taken(run: Run, make: Make) -> None:
    hide_product(product_id=make(sku="TEA-1").pk, precondition=lambda product: True)
    assert not run(HEADER + TEAPOT)
    assert run.error.startswith("line 2: sku: A product that was removed has this SKU.")


def test_stock_and_what_is_reserved_stay_below_the_limit(run: Run, make: Make) -> None:
    known = make(sku="TEA-1", stock=10)
    reserve_stock(order_id=new_id(), wanted=[Wanted(known.pk, 4)])
    assert not run(f"sku,stock\nTEA-1,{MAX_STOCK - 3}\n")
    assert run.error.startswith("line 2: stock: The stock would pass its limit.")
    assert run(f"sku,stock\nTEA-1,{MAX_STOCK - 4}\n")
    assert not run(f"sku,stock\nTEA-1,{'9' * 30}\n")


def test_a_later_line_about_a_product_comes_after_the_earlier_one(run: Run) -> None:
    assert run(HEADER + TEAPOT + TEAPOT.replace("26", "20"), "--keep-going")
    assert run.out == "1 made, 1 changed, 0 unchanged, 0 bad.\n"
    assert stock(product("TEA-1")) == 20


def test_what_goes_wrong_only_while_writing_undoes_everything(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shelf()

    def check(self: imports.Import, lines: Any) -> imports.Tally:
        return self.tally  # and then somebody else changes the shop

    monkeypatch.setattr(imports.Import, "check", check)
    assert not run(BAD)
    assert shelf() == before
    assert run.out.endswith("nothing was written.\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "line 1: name each column once, and `sku` among them"),
        (b"name,price\n", "line 1: name each column once, and `sku` among them"),
        (b"sku,sku\n", "line 1: name each column once, and `sku` among them"),
        (b"sku,colour\n", "line 1: unknown columns: colour. There are sku, name,"),
        (b"sku,name\nA,\xff\n", "this is no UTF-8"),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused(run: Run, text: bytes, reason: str) -> None:
    assert not run(text)
    assert reason in run.error


def test_a_quote_that_never_ends_is_a_bad_line(run: Run) -> None:
    assert not run(HEADER + 'A,"Jug')
    assert run.error.startswith("line 2: unexpected end of data")


def test_excel_s_mark_and_empty_lines_are_skipped(run: Run) -> None:
    assert run("\ufeff" + HEADER.replace("\n", "\r\n") + "\r\n" + TEAPOT)
    assert run.out.startswith("1 made")


def test_standard_input_is_a_file_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((HEADER + TEAPOT).encode())))
    assert run.command("import_products", "-")
    assert run.out.startswith("1 made")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal_and_nowhere_else(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "BATCH", 2)
    monkeypatch.setattr("common.progress.PAUSE_S", 60)  # between two pictures of a bar
    lines = HEADER + "".join(TEAPOT.replace("TEA-1", f"T{number}") for number in range(5))
    for stream in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stream)
        assert run(lines)
        shown = [text for text in stream.getvalue().split(CLEAR_LINE) if text]
        bar = f"{'█' * 24} 100%  2 lines"
        assert shown == ([f"{bar} checked", f"{bar} written"] if stream.isatty() else [])


def test_the_statements_do_not_grow_with_the_lines(run: Run, django_assert_max_num_queries: Any) -> None:
    def lines(count: int, price: int) -> str:
        return "sku,name,price,stock,category\n" + "".join(f"T{n},Tea,{price},{price},books\n" for n in range(count))

    with django_assert_max_num_queries(40):
        assert run(lines(60, 1))
    with django_assert_max_num_queries(40):
        assert run(lines(60, 2))
    with django_assert_max_num_queries(10):
        assert run(lines(60, 2))


def test_what_is_exported_imports_to_the_same_catalogue(run: Run, make: Make, tmp_path: Path) -> None:
    make(name='Quoted "teapot", glass', description="two\r\nlines", price=Decimal("9.99"), stock=4)
    make(name="=1+1", description="東京")
    hide_product(product_id=make(name="Removed").pk, precondition=lambda product: True)
    before = shelf()
    assert run.command("export_products")
    written = run.out
    assert run.command("export_products", str(tmp_path / "out.csv"))
    assert run.error == "2 products\n"
    assert (tmp_path / "out.csv").read_bytes().decode() == written
    assert written.startswith(HEADER)
    assert run(written)
    assert run.out == "0 made, 0 changed, 2 unchanged, 0 bad.\n"
    assert shelf() == before


@pytest.mark.parametrize("command", ["import_products", "export_products"])
def test_a_file_that_cannot_be_opened_is_a_sentence(run: Run, tmp_path: Path, command: str) -> None:
    assert not run.command(command, str(tmp_path / "missing" / "x.csv"))
    assert run.error.endswith("x.csv: No such file or directory")
