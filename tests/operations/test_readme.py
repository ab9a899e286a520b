"""README.es.md says what README.md says: the same headings, commands, tables and links."""

import re
from pathlib import Path

import pytest

from operations.layout import ROOT

ENGLISH, SPANISH = ((ROOT / name).read_text() for name in ("README.md", "README.es.md"))
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ ", re.MULTILINE)
LINK = re.compile(r"\]\(([^)]+)\)")
PAGES = [ROOT / "README.md", ROOT / "README.es.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands(text: str) -> list[str]:
    """Lines of the examples, without their comments, which are for people."""
    return [re.sub(r"\s+# .*", "", line) for block in BLOCK.findall(text) for line in block.splitlines()]


def test_both_have_the_same_headings_and_commands() -> None:
    outside = [BLOCK.sub("", text) for text in (ENGLISH, SPANISH)]
    assert HEADING.findall(outside[0]) == HEADING.findall(outside[1])
    assert len(commands(ENGLISH)) > 20
    assert commands(ENGLISH) == commands(SPANISH)


def test_both_have_the_same_rows_and_links() -> None:
    assert [line.count("|") for line in ENGLISH.splitlines() if line.startswith("|")] == [
        line.count("|") for line in SPANISH.splitlines() if line.startswith("|")
    ]
    assert LINK.findall(ENGLISH)[1:] == LINK.findall(SPANISH)[1:]  # the first leads to the other language


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_to_a_file_leads_somewhere(page: Path) -> None:
    targets = [target.partition("#")[0] for target in LINK.findall(page.read_text())]
    files = [page.parent / target for target in targets if target and "://" not in target]
    assert [str(file) for file in files if not file.exists()] == []
