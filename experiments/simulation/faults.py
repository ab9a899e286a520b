"""What happens at a step: nothing, a change of turn, or a fault. Each run has weather of its own."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate

from .network import FATES, Network
from .processes import OrdersServer, RelayProcess, Server
from .scheduler import SCHEDULER, Action
from .shop import FATES as CLIENT_FATES, Shop

AWAY_S = (0.01, 0.5, 4.0, 30.0)  # how long a dead process, or products, is away
JUMPS_S = (-3.0, 7.0, -30.0, 30.0, 900.0, -900.0, 20_000.0, -20_000.0)  # of a clock; two differ by less than a day

# How likely each is, at a step or for a message. A run draws one of each.
TURNS = (0.02, 0.1, 0.3, 0.6)
LEAPS = (0.0, 0.002, 0.01)
DEATHS = (0.0, 0.004, 0.012, 0.03)
CLOCK_JUMPS = (0.0, 0.0, 0.01)
OUTAGES = (0.0, 0.0, 0.002)
BAD_MESSAGES = (0.0, 0.1, 0.3)
BAD_REQUESTS = (0.0, 0.15)

Mortal = OrdersServer | Server | RelayProcess


class Weather:
    """`end` ends all faults and undoes them. Turns go on changing."""

    def __init__(self, processes: Sequence[Mortal], network: Network, shop: Shop, faults: "Counter[str]") -> None:
        choices = SCHEDULER.choices
        self._processes = processes
        self._network = network
        self._shop = shop
        self._faults = faults
        self._turns = choices.one_of(TURNS)
        kinds = [choices.one_of(each) for each in (LEAPS, DEATHS, CLOCK_JUMPS, OUTAGES)]
        self._bounds = _bounds([self._turns, *kinds])
        self._actions: tuple[Callable[[], None], ...] = (
            SCHEDULER.change_turns,
            self._leap,
            self._die,
            self._jump,
            self._cut,
        )
        bad = choices.one_of(BAD_MESSAGES) / (len(FATES) - 1)
        network.bounds = _bounds([bad] * (len(FATES) - 1))
        bad = choices.one_of(BAD_REQUESTS) / (len(CLIENT_FATES) - 1)
        shop.bounds = _bounds([bad] * (len(CLIENT_FATES) - 1))

    def __call__(self) -> Action | None:
        number = SCHEDULER.choices.weighted(self._bounds)
        return self._actions[number - 1] if number else None

    def end(self) -> None:
        SCHEDULER.note("the faults end")
        self._bounds = _bounds([self._turns])
        self._network.bounds = self._shop.bounds = ()
        self._network.is_cut = False
        for process in self._processes:
            process.skew_s = 0.0
            self._revive(process)

    def _leap(self) -> None:
        self._faults["everyone slow"] += 1
        SCHEDULER.leap()

    def _die(self) -> None:
        """An idle process may die too, but to die at work is more interesting."""
        alive = [process for process in self._processes if process.is_alive]
        if busy := [process for process in alive if process.tasks]:
            process = SCHEDULER.choices.one_of(busy)
            self._faults[f"death of {process.name.rstrip('0123456789')}"] += 1
            SCHEDULER.note(f"{process.name} dies")
            SCHEDULER.kill(process)
            SCHEDULER.after(SCHEDULER.choices.one_of(AWAY_S), partial(self._revive, process))

    def _revive(self, process: Mortal) -> None:
        if not process.is_alive:
            SCHEDULER.note(f"{process.name} is back")
            process.start()

    def _jump(self) -> None:
        process = SCHEDULER.choices.one_of(self._processes)
        jump_s = SCHEDULER.choices.one_of(JUMPS_S)
        process.skew_s = jump_s
        self._faults["clock jump"] += 1
        SCHEDULER.note(f"{process.name}'s clock is set {jump_s:+.0f} s")

    def _cut(self) -> None:
        if not self._network.is_cut:
            self._faults["products out of reach"] += 1
            SCHEDULER.note("products is out of reach")
            self._network.is_cut = True
            SCHEDULER.after(SCHEDULER.choices.one_of(AWAY_S), self._mend)

    def _mend(self) -> None:
        self._network.is_cut = False


def _bounds(probabilities: Sequence[float]) -> tuple[float, ...]:
    """For `Choices.weighted`: nothing, then each of these."""
    sums = list(accumulate(probabilities))
    return tuple(1 - sums[-1] + total for total in [0.0, *sums[:-1]])
