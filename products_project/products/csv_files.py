"""The catalogue as CSV: a header, then a product a line."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from common.batches import in_batches

from .search import visible_products

COLUMNS = ("sku", "name", "description", "price", "currency", "stock", "category")
ABSENT_IF_EMPTY = frozenset({"currency", "stock"})


class BadFile(Exception):
    """It can't be read any further."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a product's line says, or why it says nothing. `number` is that of its first line in the file."""

    number: int
    values: dict[str, Any] = field(default_factory=dict)
    fault: str = ""

    @property
    def sku(self) -> str:
        return str(self.values.get("sku", "")).strip()


def read_lines(file: IO[str]) -> Iterator[Line]:
    """Raises `BadFile`: it has no header, or is no text in UTF-8."""
    rows = csv.reader(file, strict=True)
    try:
        header = _header(next(rows, []))
        while True:
            number = rows.line_num + 1
            try:
                cells = next(rows)
            except csv.Error as error:
                yield Line(number, fault=f"{error}")
            else:
                if cells:
                    yield _line(number, header, cells)
    except StopIteration:
        return
    except UnicodeDecodeError as error:
        raise BadFile(f"after line {rows.line_num}: this is no UTF-8") from error


def _header(names: list[str]) -> list[str]:
    if unknown := [name for name in names if name not in COLUMNS]:
        raise BadFile(f"line 1: unknown columns: {', '.join(unknown)}. There are {', '.join(COLUMNS)}")
    if "sku" not in names or len(set(names)) < len(names):
        raise BadFile("line 1: name each column once, and `sku` among them")
    return names


def _line(number: int, header: list[str], cells: list[str]) -> Line:
    if len(cells) != len(header):
        return Line(number, fault=f"{len(cells)} cells, where the header has {len(header)}")
    values: dict[str, Any] = {
        name: cell for name, cell in zip(header, cells, strict=True) if cell or name not in ABSENT_IF_EMPTY
    }
    if (stock := values.get("stock", "").strip()).isdecimal():
        values["stock"] = int(stock) if len(stock) < 20 else stock
    return Line(number, values)


def write_catalogue(file: IO[str], report: Callable[[int], None] = lambda written: None) -> int:
    """Every visible product, the oldest first. Returns how many; `report` is told it after each batch."""
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(COLUMNS)
    written = 0
    for products in in_batches(visible_products(), "created_at"):
        rows.writerows(
            (
                product.sku,
                product.name,
                product.description,
                product.price,
                product.currency,
                product.stock,
                product.category.slug,
            )
            for product in products
        )
        written += len(products)
        report(written)
    return written
