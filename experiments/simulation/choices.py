"""Every decision of a run. A seed makes them, and a list of the numbers that were chosen repeats them."""

import random
from bisect import bisect
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """`made` are the decisions so far. 0 always means the dullest: no fault, no change of turn, nothing more to do.

    With `tape` the decisions are those of an earlier run, and 0 where it has no more.
    """

    def __init__(self, seed: int, tape: Sequence[int] | None = None) -> None:
        self.made: list[int] = []
        self._random = random.Random(seed)
        self._tape = tape

    def below(self, limit: int) -> int:
        chosen = int(self._random.random() * limit) if self._tape is None else self._taped(limit)
        self.made.append(chosen)
        return chosen

    def weighted(self, bounds: Sequence[float]) -> int:
        """Which interval a random number falls in: number i begins at bounds[i - 1], and number 0 at 0."""
        chosen = bisect(bounds, self._random.random()) if self._tape is None else self._taped(len(bounds) + 1)
        self.made.append(chosen)
        return chosen

    def chance(self, probability: float) -> bool:
        return bool(self.weighted((1 - probability,)))

    def one_of(self, several: Sequence[T]) -> T:
        return several[self.below(len(several))]

    def _taped(self, limit: int) -> int:
        place = len(self.made)
        assert self._tape is not None
        return self._tape[place] % limit if place < len(self._tape) else 0
