"""2,000 rows of the shapes that real catalogues have go in by `import_products` and come out by `export_products`."""

import csv
import random
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from common.catalogue import DECIMALS
from products_project.products.csv_files import COLUMNS
from products_project.products.models import Category, Product, StockMovement
from products_project.products.services import create_category

ROWS = 2_000
Row = dict[str, str]

WORDS = (
    "Teapot", "50 % off!", "L'été", "naïve", "e\u0301tage", "Z͎̠a̷l͠g̸o", "👩‍👩‍👧‍👦", "🇨🇴🫖", "שָׁלוֹם",
    "مرحبا", "\u200fיד\u200e", "日本語", "한국어",
    "ไทย", "क्षत्रिय", "Ａ４", "<b>bold</b>", "&amp;",
    "\"quoted\"", "a,b;c", "=SUM(A1)", "+1", "-1", "@x", "½″ × ¾″", "ﬃ", "İı",
    "\ufeffmark", "𝒳𝓎", "C:\\new", "NULL", "1e5", "007", "true", "\u00a0wide\u2003space", "tab\there",
)  # fmt: skip
SKU_PARTS = (
    "MK2K3LL/A", "Raglan_grey_&_black_Tee", "24-WG085 / blue", "#12", "ÄÖÜ", "スキー",
    "مرحبا", "(x)", "\"7\"", "a,b",
    "=1", "'", "+-*", "é",
)  # fmt: skip


def some(chance: random.Random, longest: int, glue: str) -> str:
    """Words, not seldom as many as fit."""
    fitting = longest if chance.random() < 0.1 else chance.randrange(1, 60)
    text = ""
    while len(text) < fitting:
        text += f"{glue if text else ''}{chance.choice(WORDS)}"
    return text[:longest].strip() or "x"


def catalogue(seed: int) -> list[Row]:
    chance = random.Random(seed)
    currencies = sorted(DECIMALS)
    rows = []
    for number in range(ROWS):
        currency = chance.choice(currencies)
        price = Decimal(chance.choice((0, 1, 99, 1_999, 999_999_999_999, chance.randrange(10**12)))) / 100
        rows.append(
            {
                "sku": f"{chance.choice(SKU_PARTS)} {number}".ljust(64 if number % 10 == 0 else 0, "·"),
                "name": some(chance, 200, " "),
                "description": some(chance, 1_000, chance.choice(("\n", "\r\n", "<br>\n", " "))) if number % 4 else "",
                "price": f"{round(price, DECIMALS[currency]):.2f}" if DECIMALS[currency] else f"{int(price)}.00",
                "currency": currency,
                "stock": str(chance.choice((0, 1, 17, 1_000_000_000))),
                "category": chance.choice(("kettles", "odds-and-ends")),
            }
        )
    return rows


def in_shop() -> dict[str, Row]:
    rows = Product.objects.filter(hidden_at=None).values(*COLUMNS[:-1], "category__slug")
    return {row["sku"]: {name: str(value) for name, value in zip(COLUMNS, row.values(), strict=True)} for row in rows}


def run(*arguments: Any) -> str:
    out = StringIO()
    call_command(*map(str, arguments), stdout=out, stderr=StringIO())
    return out.getvalue().strip()


@pytest.fixture
def categories(db: None) -> list[Category]:
    return [create_category(name=name, slug=slug) for slug, name in (("kettles", "K"), ("odds-and-ends", "O"))]


def test_a_real_catalogue_comes_out_as_it_went_in(tmp_path: Path, categories: list[Category]) -> None:
    rows = catalogue(seed=20261126)
    written = {row["sku"]: row for row in rows}
    assert len(written) == ROWS
    source, export, again = (tmp_path / name for name in ("in.csv", "out.csv", "again.csv"))
    with source.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows(rows)

    assert run("import_products", source) == f"{ROWS} made, 0 changed, 0 unchanged, 0 bad."
    assert in_shop() == written
    run("export_products", export)
    with export.open(encoding="utf-8", newline="") as file:
        assert {row["sku"]: row for row in csv.DictReader(file)} == written

    assert run("import_products", export) == f"0 made, 0 changed, {ROWS} unchanged, 0 bad."
    StockMovement.objects.all().delete()
    Product.objects.all().delete()
    assert run("import_products", export) == f"{ROWS} made, 0 changed, 0 unchanged, 0 bad."
    run("export_products", again)
    assert sorted(again.read_bytes().split(b"\n")) == sorted(export.read_bytes().split(b"\n"))
