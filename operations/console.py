"""Words for people: sentences on stderr, tables, and the error that ends a command with one sentence."""

import sys
from collections.abc import Sequence

CLEAR_LINE = "\r\033[K"


class OperationError(Exception):
    """Says in one sentence what is wrong and how to mend it; the user sees no traceback."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def rewrite(text: str) -> None:
    """Show progress on one line of a terminal. Where a line can't be rewritten, show nothing."""
    if sys.stderr.isatty():
        print(f"{CLEAR_LINE}{text}", end="", file=sys.stderr, flush=True)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the first row is the heading, and numbers are aligned to the right."""
    columns = [_aligned(column) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cells).rstrip() for cells in zip(*columns, strict=True))


def _aligned(column: Sequence[str]) -> list[str]:
    width = max(map(len, column))
    is_numeric = all(cell[:1].isdigit() or cell == "-" for cell in column[1:])
    return [cell.rjust(width) if is_numeric else cell.ljust(width) for cell in column]
