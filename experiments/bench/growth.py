"""What a request takes with a million products, orders and users, beside the same with a thousand.

Two systems stand side by side. Each request goes first to one, then to the other, straight to a service with an
internal token, so that neither the gateway nor its cache makes them alike. A round's figure is its fastest request:
what else the machine does can only add to it. Tables are filled by plain SQL.
Environment: PLAZA_TEST_POSTGRES, the PostgreSQL server's address; without one, only SQLite is measured.
"""

import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from experiments.chaos.shop import Shop
from experiments.databases import fresh_databases
from operations import processes
from operations.console import OperationError, say
from operations.layout import ROOT
from operations.test import postgres_url

from . import filling
from .asks import CASES, Ask, Tables
from .report import Report
from .rounds import Comparison, Plan

FEW, MANY, MANY_QUICK = 1_000, 1_000_000, 100_000
REQUESTS_A_ROUND = 8
SEARCHABLE_WITHIN_S = 7200.0

_turns = itertools.count(1)


def measure(plan: Plan) -> Report:
    many = MANY_QUICK if plan.is_quick else MANY
    comparisons, notes = [], []
    for name, system in {"SQLite": sqlite_system, "PostgreSQL": postgres_system}.items():
        if name == "PostgreSQL" and not has_postgres():
            say(f"PostgreSQL is left out: none answers at {postgres_url()}; PLAZA_TEST_POSTGRES names another one.")
            continue
        with tempfile.TemporaryDirectory(prefix="plaza-bench-") as directory, ExitStack() as stack:
            small = stack.enter_context(system(Path(directory) / "small", FEW))
            large = stack.enter_context(system(Path(directory) / "large", many))
            comparisons.append(_alternating(name, large, small, plan))
            notes += [f"{name}: {worded}" for worded in (*_others(large), *_others(small))]
    return Report.of(f"{many:,} products, orders and users beside {FEW:,}", *comparisons, notes=notes)


def _others(tables: Tables) -> Iterator[str]:
    for (case, status), count in tables.others.items():
        yield f"{case}, with {tables.rows:,} rows: {count} × {status}"


def _alternating(name: str, large: Tables, small: Tables, plan: Plan) -> Comparison:
    comparison = Comparison("ms", 2, name=name)
    for case, ask in CASES.items():
        say(f"{name}, {case} ...")
        large.hang_up()
        small.hang_up()
        for number in range(plan.rounds + 1):
            taken: dict[str, list[float]] = {}
            for _ in range(REQUESTS_A_ROUND):
                turn = next(_turns)
                for tables in (large, small):
                    taken.setdefault(f"{tables.rows:,}", []).append(_timed(tables, case, ask(tables, turn)))
            if number:  # the first one is a warm-up
                for side, milliseconds in taken.items():
                    comparison.add(case, side, min(milliseconds))
    return comparison


def _timed(tables: Tables, case: str, ask: Ask) -> float:
    milliseconds, status, _ = tables.send(ask)
    if status != ask.status:
        tables.others[case, status] += 1
    return milliseconds


@contextmanager
def sqlite_system(directory: Path, rows: int) -> Iterator[Tables]:
    _migrate(directory, {})
    say(f"SQLite: filling in {rows:,} rows of everything ...")
    filling.fill_sqlite(directory, rows)
    with Shop(directory, proxied=False) as shop:
        yield _searchable(Tables(rows, shop))


@contextmanager
def postgres_system(directory: Path, rows: int) -> Iterator[Tables]:
    with fresh_databases(postgres_url()) as urls:
        _migrate(directory, urls)
        say(f"PostgreSQL: filling in {rows:,} rows of everything ...")
        filling.fill_postgres(urls, rows)
        with Shop(directory, proxied=False, variables=urls) as shop:
            tables = _searchable(Tables(rows, shop))
            filling.vacuum_postgres(urls)
            yield tables


def _migrate(directory: Path, urls: Mapping[str, str]) -> None:
    command = [sys.executable, str(ROOT / "manage_all.py"), "migrate", "--data-dir", str(directory)]
    subprocess.run(command, env={**os.environ, **urls}, check=True, stdout=subprocess.DEVNULL)


def _searchable(tables: Tables) -> Tables:
    """Once all that is rare is found: the words of new rows may be indexed later."""
    rare = [Ask("products", "/products/?search=saffron"), Ask("users", "/users/?search=zephyr")]

    def is_found() -> bool:
        return all(status == 422 or len(body["results"]) == 5 for _, status, body in map(tables.send, rare))

    say(f"waiting until {tables.rows:,} rows can be searched for ...")
    if not processes.wait_until(is_found, timeout_s=SEARCHABLE_WITHIN_S, pause_s=2.0):
        raise OperationError("the rows that were filled in can't be searched for.")
    return tables


def has_postgres() -> bool:
    try:
        psycopg.connect(postgres_url(), connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True
