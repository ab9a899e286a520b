"""Words for people, on stderr: a line that is rewritten in place in a terminal, and plain lines elsewhere."""

import sys
from collections.abc import Sequence

CLEAR_LINE = "\r\033[K"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def rewrite(text: str) -> None:
    """Show a passing state; where nothing can be rewritten, show nothing."""
    if sys.stderr.isatty():
        print(f"{CLEAR_LINE}{text}", end="", file=sys.stderr, flush=True)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, below the first row's headings; numbers stand right."""
    columns = [_aligned(column) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cells).rstrip() for cells in zip(*columns, strict=True))


def _aligned(column: Sequence[str]) -> list[str]:
    width = max(map(len, column))
    is_numeric = all(cell[:1].isdigit() or cell == "-" for cell in column[1:])
    return [cell.rjust(width) if is_numeric else cell.ljust(width) for cell in column]
