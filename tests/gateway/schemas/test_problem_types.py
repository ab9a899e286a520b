"""The table of problem types, held against the code of all four projects and the ground floor."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rest_framework import exceptions

from common.settings import ROOT
from gateway_project.schemas.problem_types import PROBLEM_TYPES
from gateway_project.upstreams.problems import PROBLEMS

# Where a slug stands in a call. `PermissionDenied` is DRF's: its second argument is the code.
POSITIONS = {"problem_response": 2, "UpstreamProblem": 1, "Refusal": 2, "PermissionDenied": 1}
# Codes of errors at fields, and classes that are only there to be inherited from.
ABSTRACT = {"error", "conflict"}
FILES = [path for folder in ("common", *ROOT.glob("*_project")) for path in (ROOT / folder).rglob("*.py")]


def text_of(node: ast.AST | None) -> str | None:
    """The text of a constant, also of one that is translated."""
    if isinstance(node, ast.Call) and node.args:
        node = node.args[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def assigned(body: list[ast.stmt]) -> dict[str, ast.expr | None]:
    found: dict[str, ast.expr | None] = {}
    for line in body:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            found[line.targets[0].id] = line.value
        elif isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            found[line.target.id] = line.value
    return found


def slugs_in(tree: ast.AST) -> Iterator[tuple[str, str | None]]:
    """Each slug that the code can answer, and its title where that stands beside it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            values = assigned(node.body)
            if slug := text_of(values.get("slug")) or text_of(values.get("default_code")):
                yield slug, text_of(values.get("title"))
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            position = POSITIONS.get(name)
            if position is not None and len(node.args) > position and (slug := text_of(node.args[position])):
                yield slug, text_of(node.args[1]) if name == "Refusal" else None
        elif isinstance(node, ast.Module):
            for name in ("BARE", "REFUSALS"):
                yield from of_table(assigned(node.body).get(name))


def of_table(table: ast.expr | None) -> Iterator[tuple[str, str | None]]:
    """`BARE` has slugs by status, `REFUSALS` titles and details by slug."""
    if isinstance(table, ast.Dict):
        for key, value in zip(table.keys, table.values, strict=True):
            if isinstance(value, ast.Tuple):
                yield str(text_of(key)), text_of(value.elts[0])
            elif slug := text_of(value):
                yield slug, None


def drf_codes() -> set[str]:
    """Of the exceptions that DRF raises by itself, as `common.api.errors` words them."""
    found = {
        str(kind.default_code).replace("_", "-")
        for kind in vars(exceptions).values()
        if isinstance(kind, type) and issubclass(kind, exceptions.APIException)
    }
    return found - {"error"}


@pytest.fixture(scope="module")
def answered() -> dict[str, set[str]]:
    """Each slug that can be answered, and the titles that stand beside it."""
    found: dict[str, set[str]] = {slug: set() for slug in drf_codes()}
    for path in FILES:
        for slug, title in slugs_in(ast.parse(path.read_text())):
            found.setdefault(slug, set()).update({title} if title else ())
    return {slug: titles for slug, titles in found.items() if slug not in ABSTRACT}


def test_each_type_that_can_be_answered_is_in_the_table_and_no_other(answered: dict[str, set[str]]) -> None:
    assert len(answered) > 40
    assert set(PROBLEM_TYPES) == set(answered)


def test_a_type_has_one_title_whoever_answers_it(answered: dict[str, set[str]]) -> None:
    told = {slug: titles for slug, titles in answered.items() if titles}
    assert len(told) > 20
    assert told == {slug: {str(PROBLEM_TYPES[slug].title)} for slug in told}


def test_a_failing_service_has_the_status_and_title_of_the_table() -> None:
    for problem in PROBLEMS.values():
        kind = PROBLEM_TYPES[problem.slug]
        assert (kind.status, str(kind.title)) == (problem.status, str(problem.title)), problem.slug


@pytest.mark.parametrize("name", ["raise Conflict", "raise Problem"])
def test_nobody_answers_a_problem_without_a_type_of_its_own(name: str) -> None:
    assert [path for path in FILES if f"{name}(" in Path(path).read_text()] == []


@pytest.mark.parametrize("kind", PROBLEM_TYPES.values(), ids=lambda kind: kind.slug)
def test_each_says_what_it_means_and_what_to_do(kind: Any) -> None:
    assert 400 <= kind.status < 600
    for text in (kind.meaning, kind.mend):
        assert str(text).endswith(".")
        assert 10 < len(str(text)) < 160
