"""Sides in alternating rounds: each case is measured on one side after the other, again and again.

A machine's speed drifts, so only figures of the same round are compared. What is reported is the median of the rounds,
the lowest and the highest, and the same of the ratio in each round.
"""

import itertools
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from operations.console import OperationError, say

from . import usage, wrk
from .wrk import Load, Request

WARM_UP_S = 2.0
_numbers = itertools.count(1_000_000, 1_000_000)  # each run asks for what no other has asked for


@dataclass(frozen=True)
class Plan:
    """`seconds` each case is measured on each side in each of the `rounds`."""

    seconds: float
    rounds: int
    is_quick: bool = False


@dataclass
class Side:
    """One of those compared. `leaders` head the process groups whose CPU counts."""

    name: str
    port: int
    leaders: Sequence[int]
    tokens: Callable[[], Sequence[str]]  # fresh ones: they expire
    requests: Mapping[str, Request]


@dataclass(frozen=True)
class Sample:
    load: Load
    cpu_s: float

    @property
    def cpu_us(self) -> float:
        """A request."""
        return 1e6 * self.cpu_s / self.load.answers

    @property
    def per_second(self) -> float:
        return self.load.answers / self.load.seconds

    @property
    def p50_us(self) -> float:
        return self.load.p50_us


@dataclass(frozen=True)
class Spread:
    """Of several figures."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> "Spread":
        return cls(statistics.median(figures), min(figures), max(figures))


@dataclass
class Comparison:
    """What each side took for each case, round by round. The first side is compared with each other one."""

    unit: str
    decimals: int = 0
    figures: dict[str, dict[str, list[float]]] = field(default_factory=dict)  # by case, then side
    name: str = ""  # where a report has several

    def add(self, case: str, side: str, figure: float) -> None:
        self.figures.setdefault(case, {}).setdefault(side, []).append(figure)

    def spread(self, case: str, side: str) -> Spread:
        return Spread.of(self.figures[case][side])

    def ratio(self, case: str, other: str) -> Spread | None:
        """The first side's figure divided by `other`'s, in each round. None for the first side itself."""
        sides = self.figures[case]
        first = next(iter(sides))
        if other == first:
            return None
        return Spread.of([mine / theirs for mine, theirs in zip(sides[first], sides[other], strict=True)])

    @property
    def table(self) -> list[tuple[str, ...]]:
        """Two sides stand in one line; of more, each has its own."""
        sides = list(dict.fromkeys(side for figures in self.figures.values() for side in figures))
        what, unit = self.name or "what", self.unit
        if len(sides) == 2:
            first, second = sides
            heading = (what, f"{first}, {unit}", "range", f"{second}, {unit}", "range", f"{first} ÷ {second}", "range")
            return [heading, *map(self._wide_row, self.figures)]
        rows = [self._row(case, side) for case, sides in self.figures.items() for side in sides]
        return [(what, "side", unit, "range", f"{sides[0]} ÷ side", "range of it"), *rows]

    def _wide_row(self, case: str) -> tuple[str, ...]:
        (_, _, *mine, _, _), (_, _, *theirs) = (self._row(case, side) for side in self.figures[case])
        return (case, *mine, *theirs)

    def _row(self, case: str, side: str) -> tuple[str, ...]:
        ratio = self.ratio(case, side)
        figure = self._worded(self.spread(case, side), self.decimals)
        return (case, side, *figure, *(self._worded(ratio, 2) if ratio else ("", "")))

    @staticmethod
    def _worded(spread: Spread, decimals: int) -> tuple[str, str]:
        return f"{spread.median:,.{decimals}f}", f"{spread.lowest:,.{decimals}f}–{spread.highest:,.{decimals}f}"

    def as_json(self) -> dict[str, Any]:
        return {
            case: {
                side: {
                    "rounds": figures,
                    "median": self.spread(case, side).median,
                    "ratio": ratio.median if (ratio := self.ratio(case, side)) else None,
                }
                for side, figures in sides.items()
            }
            for case, sides in self.figures.items()
        }


def next_number() -> int:
    """Far beyond all that was asked for in this run."""
    return next(_numbers)


def samples(
    sides: Sequence[Side], plan: Plan, *, connections: int = wrk.CONNECTIONS
) -> "dict[str, dict[str, list[Sample]]]":
    """By case, then side: one sample a round. Every second round goes through the sides backwards."""
    cases = list(sides[0].requests)
    taken: dict[str, dict[str, list[Sample]]] = {
        case: {side.name: [] for side in having(sides, case)} for case in cases
    }
    for case in cases:
        for number in range(plan.rounds + 1):
            is_warm_up = number == 0
            say(f"{case}: " + ("warming up ..." if is_warm_up else f"round {number} of {plan.rounds} ..."))
            for side in having(sides, case)[:: -1 if number % 2 else 1]:
                sample = take(side, case, WARM_UP_S if is_warm_up else plan.seconds, connections)
                if not is_warm_up:
                    taken[case][side.name].append(sample)
    return taken


def having(sides: Sequence[Side], case: str) -> list[Side]:
    return [side for side in sides if case in side.requests]


def take(side: Side, case: str, seconds: float, connections: int) -> Sample:
    request, tokens = side.requests[case], side.tokens()
    before_s = usage.cpu_s(side.leaders)
    load = wrk.send(side.port, request, tokens, seconds=seconds, first=next_number(), connections=connections)
    sample = Sample(load, usage.cpu_s(side.leaders) - before_s)
    require_answers(load, request.status, f"{side.name}, {case}")
    return sample


def require_answers(load: Load, status: int, what: str) -> None:
    """A figure of refusals would be no figure of answers."""
    asked = load.statuses.get(str(status), 0)
    if not asked or load.broken or asked < 0.99 * load.answers:
        raise OperationError(
            f"{what}: {load.answers} answers, of which {asked} with status {status} "
            f"(by status: {dict(load.statuses)}; broken connections and timeouts: {load.broken})."
        )


def compared(
    taken: Mapping[str, Mapping[str, Sequence[Sample]]], unit: str, figure: Callable[[Sample], float], decimals: int = 0
) -> Comparison:
    comparison = Comparison(unit, decimals)
    for case, sides in taken.items():
        for side, those in sides.items():
            for sample in those:
                comparison.add(case, side, figure(sample))
    return comparison
