"""What a second gateway brings: predicted from the CPU of one request with one gateway, then measured.

Both gateways have the same services and one database, as behind a load balancer, and as many connections each as one
alone has: a process that more threads work in takes more CPU for a request. The load takes CPU of the same machine, so
it is counted as a part of each request.
"""

import os
import resource
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from experiments.capacity import LOAD, Capacity
from experiments.chaos.shop import Shop, free_ports
from operations.console import say
from operations.layout import SERVICES, manage

from . import sides, stock, usage, wrk
from .report import Report
from .rounds import WARM_UP_S, Plan, next_number, require_answers
from .whole_path import requests
from .wrk import Request

CASES = ("own account", "page of 20", "an order read", "an order placed", "all order one product")
CONNECTIONS = 8  # to each gateway
TITLE = "What a second gateway brings"
HEADING = ("what", "gateways", "limited by", "predicted/s", "measured/s", "predicted ÷ measured")


@dataclass(frozen=True)
class Run:
    """Answers a second, and the CPU that one of them took of each kind of process (seconds)."""

    per_second: float
    demands: dict[str, float]


def measure(plan: Plan) -> Report:
    with tempfile.TemporaryDirectory(prefix="plaza-bench-") as directory, Shop(Path(directory), proxied=False) as shop:
        customer = stock.customer(shop)
        product_ids = stock.fill(shop)
        cases = requests(product_ids, stock.place_orders(shop.port, customer.sign_in(), product_ids))
        cases["all order one product"] = replace(cases["an order placed"], bodies=[stock.order_of(product_ids[0])])
        with second_gateway(shop, Path(directory)) as second:
            leaders = {service.name: sides.leaders(shop, service.name) for service in SERVICES}
            leaders["gateway"] = [*leaders["gateway"], second.pid]
            found = {
                case: _rounds(case, cases[case], [shop.port, second.port], leaders, customer, plan) for case in CASES
            }
    rows = [row for case, runs in found.items() for row in _rows(case, *runs)]
    figures = {case: [[run.per_second for run in those] for those in runs] for case, runs in found.items()}
    return Report(TITLE, [[HEADING, *rows], _demands(found)], figures)


@contextmanager
def second_gateway(shop: Shop, directory: Path) -> Iterator[sides.Server]:
    port = free_ports(1)
    command = manage("gateway_project", "serve", "--port", str(port))
    with sides.running(command, port, shop.environment, directory / "second-gateway.log") as server:
        yield server


def _rounds(
    case: str,
    request: Request,
    ports: Sequence[int],
    leaders: dict[str, list[int]],
    customer: sides.Customer,
    plan: Plan,
) -> tuple[list[Run], list[Run]]:
    """With one gateway and with two, in turns."""
    one: list[Run] = []
    two: list[Run] = []
    for number in range(plan.rounds + 1):
        say(f"{case}: " + (f"round {number} of {plan.rounds} ..." if number else "warming up ..."))
        for runs, gateways in ((one, ports[:1]), (two, ports)):
            run = _run(case, request, gateways, leaders, customer.tokens(), plan.seconds if number else WARM_UP_S)
            if number:
                runs.append(run)
    return one, two


def _run(
    case: str,
    request: Request,
    ports: Sequence[int],
    leaders: dict[str, list[int]],
    tokens: Sequence[str],
    seconds: float,
) -> Run:
    def send(port: int) -> wrk.Load:
        return wrk.send(port, request, tokens, seconds=seconds, first=next_number(), connections=CONNECTIONS)

    before = {kind: usage.cpu_s(pids) for kind, pids in leaders.items()} | {LOAD: _own_children_s()}
    with ThreadPoolExecutor(len(ports)) as senders:
        loads = list(senders.map(send, ports))
    after = {kind: usage.cpu_s(pids) for kind, pids in leaders.items()} | {LOAD: _own_children_s()}
    for load in loads:
        require_answers(load, request.status, case)
    answers = sum(load.answers for load in loads)
    per_second = sum(load.answers / load.seconds for load in loads)
    return Run(per_second, {kind: (after[kind] - before[kind]) / answers for kind in before})


def _own_children_s() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def _rows(case: str, one: Sequence[Run], two: Sequence[Run]) -> Iterator[tuple[str, ...]]:
    demands, measured = _medians(one), statistics.median(run.per_second for run in one)
    model = Capacity.measured(demands, os.cpu_count() or 1, CONNECTIONS, measured)
    for number, seen in ((1, measured), (2, statistics.median(run.per_second for run in two))):
        limit = model.limit({"gateway": number}, CONNECTIONS * number)
        share = f"{limit.per_second / seen:.2f}" if number > 1 else "calibrated"
        yield case, str(number), limit.bottleneck, f"{limit.per_second:,.0f}", f"{seen:,.0f}", share


def _medians(runs: Sequence[Run]) -> dict[str, float]:
    return {kind: statistics.median(run.demands[kind] for run in runs) for kind in runs[0].demands}


def _demands(found: dict[str, tuple[list[Run], list[Run]]]) -> list[tuple[str, ...]]:
    """What a request takes of each kind of process, in µs of CPU, with one gateway."""
    kinds = [*(service.name for service in SERVICES), LOAD]
    rows = [
        (case, *(f"{1e6 * demand:,.0f}" for demand in map(_medians(one).__getitem__, kinds)))
        for case, (one, _two) in found.items()
    ]
    return [("CPU µs a request", *kinds), *rows]
