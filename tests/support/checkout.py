"""Copies of parts of the checkout: what belongs to the product, nothing that a run or a tool has left there."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def copy_of(folder: str, target: Path) -> Path:
    """`folder` of the checkout as `target/folder`, without what `.gitignore` names."""
    return Path(shutil.copytree(ROOT / folder, target / folder, ignore=shutil.ignore_patterns(*ignored_names())))


def ignored_names() -> list[str]:
    lines = (ROOT / ".gitignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    return [pattern.rstrip("/").rpartition("/")[2] for pattern in patterns]
