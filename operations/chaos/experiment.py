"""One run: start a shop, let the crowd and the faults at it, wait for rest, judge."""

import random
import shutil
import tempfile
from pathlib import Path

from ..errors import OperationError
from ..terminal import say
from .clients import Crowd
from .faults import Faults
from .shop import Shop
from .verdict import Verdict, judge, show

REST_WITHIN_S = 120


def experiment(*, seconds: int, seed: int | None, buyers: int) -> int:
    """0 when nothing was lost, duplicated, oversold or leaked, else 1."""
    seed = seed if seed is not None else random.SystemRandom().randrange(10_000)
    say(f"Chaos for {seconds} s with seed {seed}.")
    directory = Path(tempfile.mkdtemp(prefix="plaza-chaos-"))
    is_good = False
    try:
        with Shop(directory) as shop:
            verdict = strike(shop, seconds=seconds, seed=seed, buyers=buyers)
        show(verdict, seed=seed, seconds=seconds)
        is_good = verdict.is_good
    finally:
        if is_good:
            shutil.rmtree(directory)
        else:
            say(f"The system's databases and logs are kept in {directory}.")
    return 0 if is_good else 1


def strike(shop: Shop, *, seconds: int, seed: int, buyers: int) -> Verdict:
    crowd = Crowd(shop, seed=seed, buyers=buyers)
    crowd.prepare()
    faults = Faults(shop, seed=seed)
    crowd.start()
    try:
        faults.run(seconds, lambda left_s: say(f"  {left_s:4.0f} s left: {crowd.progress()}, {faults.progress()}"))
    finally:
        faults.stop()
        crowd.stop()
    say("The faults are over; waiting for rest ...")
    crowd.join()
    at_rest_s = shop.wait_for_rest(timeout_s=REST_WITHIN_S)
    if at_rest_s is None:
        raise OperationError(f"the system did not come to rest within {REST_WITHIN_S} s of the last fault.")
    return judge(shop, crowd, faults, at_rest_s=at_rest_s)
