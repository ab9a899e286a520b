from io import StringIO

from common.progress import CLEAR_LINE, Progress
from tests.support.clock import Clock


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_how_far_it_is_and_seldom() -> None:
    terminal, clock = Terminal(), Clock()
    progress = Progress(terminal, "orders", 2_000, clock)
    progress.show(500)
    progress.show(501)
    clock.advance(1)
    progress.show(2_000)
    progress.clear()
    assert terminal.getvalue().split(CLEAR_LINE) == [
        "",
        "██████░░░░░░░░░░░░░░░░░░  25%  500 orders",
        "████████████████████████ 100%  2,000 orders",
        "",
    ]


def test_the_part_may_be_told_or_be_unknown() -> None:
    terminal, clock = Terminal(), Clock()
    Progress(terminal, "lines", clock=clock).show(7)
    Progress(terminal, "lines", clock=clock).show(7, 0.5)
    assert terminal.getvalue().split(CLEAR_LINE)[1:] == ["7 lines", "████████████░░░░░░░░░░░░  50%  7 lines"]


def test_a_pipe_gets_nothing() -> None:
    pipe = StringIO()
    progress = Progress(pipe, "orders", 2)
    progress.show(1)
    progress.clear()
    assert pipe.getvalue() == ""
