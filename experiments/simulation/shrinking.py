"""From a run that fails to the shortest one found that fails too: with fewer faults, fewer turns, fewer requests."""

from collections.abc import Callable, Sequence

from .world import Outcome

MOST_TRIES = 600

Rerun = Callable[[Sequence[int]], Outcome]


def shortest(failed: Outcome, rerun: Rerun) -> Outcome:
    """Decisions are replaced by 0, which is the dullest, first many at once and then one by one."""
    return Shrinking(failed, rerun).done()


class Shrinking:
    def __init__(self, failed: Outcome, rerun: Rerun) -> None:
        self._best = failed
        self._rerun = rerun
        self._tries = 0

    def done(self) -> Outcome:
        before = None
        while before != _size(self._best) and self._tries < MOST_TRIES:
            before = _size(self._best)
            length = len(self._best.made)
            while length := length // 2:
                self._pass(length)
        return self._best

    def _pass(self, length: int) -> None:
        place = len(self._best.made)
        while place > 0:
            place -= length
            start, end = max(0, place), place + length
            made = self._best.made
            if any(made[start:end]):
                self._try([*made[:start], *[0] * (end - start), *made[end:]])

    def _try(self, tape: list[int]) -> None:
        self._tries += 1
        if self._tries > MOST_TRIES:
            return
        outcome = self._rerun(tape)
        if outcome.failures and _size(outcome) < _size(self._best):
            self._best = outcome


def _size(outcome: Outcome) -> tuple[int, int]:
    return sum(map(bool, outcome.made)), len(outcome.trace)
