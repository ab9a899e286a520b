"""What a whole Plaza takes: seconds until it is healthy, memory at rest, and memory after minutes of load.

Memory is the sum of the processes' proportional sets (PSS), which counts a page that several share once, and of their
resident sets (RSS), which counts it for each. Pages shared with another Plaza on the machine count in part only.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from experiments.chaos.shop import Shop
from operations import processes
from operations.console import say
from operations.layout import SERVICES, SUPERVISOR

from . import stock, usage, whole_path
from .report import Report
from .rounds import Plan, Side, Spread, take
from .usage import Memory

REST_S = 3.0  # after it is healthy
LOOKS = 4  # at the memory, while there is load

Row = tuple[str, str, str]


def measure(plan: Plan) -> Report:
    starts: dict[str, list[float]] = {"up, first time": [], "up, tables there": []}
    for number in range(plan.rounds):
        say(f"starting, round {number + 1} of {plan.rounds} ...")
        with tempfile.TemporaryDirectory(prefix="plaza-bench-") as directory:
            for seconds in starts.values():
                seconds.append(_seconds_of_start(Path(directory)))
    with tempfile.TemporaryDirectory(prefix="plaza-bench-") as directory, Shop(Path(directory), proxied=False) as shop:
        time.sleep(REST_S)
        at_rest = {name: usage.memory(processes.group_members(pid)) for name, pid in _leaders(shop)}
        under_load = list(_under_load(shop, plan.seconds))
    figures = {
        "seconds": starts,
        "at rest, MiB": {name: vars(memory) for name, memory in at_rest.items()},
        "under load, MiB": [{"seconds": loaded_s, **vars(memory)} for loaded_s, memory in under_load],
    }
    tables = [_starts(starts), _memory(at_rest), _growth(under_load)]
    return Report("What a whole Plaza takes", tables, figures)


def _seconds_of_start(directory: Path) -> float:
    started_s = time.monotonic()
    with Shop(directory, proxied=False):
        return time.monotonic() - started_s


def _leaders(shop: Shop) -> Iterator[tuple[str, int]]:
    for name in (SUPERVISOR, *(service.name for service in SERVICES)):
        if pid := shop.pid(name):
            yield name, pid


def _under_load(shop: Shop, seconds: float) -> Iterator[tuple[float, Memory]]:
    """Seconds of load, and the memory of all. First comes that after a warm-up as long as what is between two looks."""
    customer, product_ids = stock.customer(shop), stock.fill(shop)
    placed = stock.place_orders(shop.port, customer.sign_in(), product_ids)
    side = Side("Plaza", shop.port, [], customer.tokens, whole_path.requests(product_ids, placed))
    loaded_s = 0.0
    for look in range(LOOKS + 1):
        say(f"under load, {look} of {LOOKS} ...")
        for case in side.requests:
            sample = take(side, case, seconds / LOOKS / len(side.requests), connections=8)
            loaded_s += sample.load.seconds if look else 0.0
        yield loaded_s, sum((usage.memory(processes.group_members(pid)) for _, pid in _leaders(shop)), Memory())


def _starts(starts: dict[str, list[float]]) -> list[Row]:
    spreads = {what: Spread.of(seconds) for what, seconds in starts.items()}
    rows = [(what, f"{each.median:.1f}", f"{each.lowest:.1f}–{each.highest:.1f}") for what, each in spreads.items()]
    return [("from the command until all is healthy", "s", "range"), *rows]


def _memory(at_rest: dict[str, Memory]) -> list[Row]:
    with_sum = {**at_rest, "all": sum(at_rest.values(), Memory())}
    rows = [(name, f"{each.pss_mib:.0f}", f"{each.rss_mib:.0f}") for name, each in with_sum.items()]
    return [("at rest", "PSS MiB", "RSS MiB"), *rows]


def _growth(looks: Sequence[tuple[float, Memory]]) -> list[Row]:
    rows = [(f"{loaded_s:.0f}", f"{each.pss_mib:.0f}", f"{each.rss_mib:.0f}") for loaded_s, each in looks]
    return [("seconds of load, after a warm-up", "PSS MiB", "RSS MiB"), *rows]
