"""One run: start a shop, let clients and faults work on it, wait until it is at rest, judge."""

import argparse
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.databases import fresh_databases
from operations.console import OperationError, say

from .clients import Clients
from .faults import Faults
from .shop import Shop
from .verdict import Verdict, judge, show

REST_WITHIN_S = 120
HEALTHY_S = 5.0


def experiment(options: argparse.Namespace) -> int:
    """0 if nothing was lost, duplicated, oversold or leaked, else 1."""
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10_000)
    say(f"Chaos for {options.seconds} s with seed {seed}.")
    directory = Path(tempfile.mkdtemp(prefix="plaza-chaos-"))
    is_good = False
    try:
        with shop_for(options, directory) as shop:
            verdict = run_with_faults(
                shop, seconds=options.seconds, seed=seed, buyers=options.buyers, crowd=options.crowd
            )
        show(verdict, seed=seed, seconds=options.seconds)
        is_good = verdict.is_good
    finally:
        if is_good:
            shutil.rmtree(directory)
        else:
            say(f"The system's databases and logs are kept in {directory}.")
    return 0 if is_good else 1


@contextmanager
def shop_for(options: argparse.Namespace, directory: Path) -> Iterator[Shop]:
    """On SQLite, or on PostgreSQL with two gateways and two relays."""
    if not options.postgres:
        with Shop(directory) as shop:
            yield shop
        return
    with fresh_databases(options.postgres) as urls:
        variables = urls | ({"REDIS_URL": options.redis} if options.redis else {})
        with Shop(directory, variables=variables) as shop, shop.two_of_each():
            yield shop


def run_with_faults(shop: Shop, *, seconds: int, seed: int, buyers: int, crowd: int) -> Verdict:
    clients = Clients(shop, seed=seed, buyers=buyers)
    clients.prepare()
    faults = Faults(shop, seed=seed)
    clients.start()
    say(f"  {HEALTHY_S:.0f} s without faults, with a crowd ...")
    clients.crowd(crowd, HEALTHY_S)
    refused = clients.refused
    try:
        faults.run(seconds, lambda left_s: say(f"  {left_s:4.0f} s left: {clients.progress()}, {faults.progress()}"))
    finally:
        faults.stop()
        clients.stop()
    say("The faults have ended; waiting for rest ...")
    clients.join()
    at_rest_s = shop.wait_for_rest(timeout_s=REST_WITHIN_S)
    if at_rest_s is None:
        raise OperationError(f"the system did not come to rest within {REST_WITHIN_S} s of the last fault.")
    return judge(shop, clients, faults, at_rest_s=at_rest_s, refused_while_healthy=refused)
