import os
import signal

from operations.state import Record, State
from tests.operations.plaza import Plaza, eventually, is_listening


def test_down_leaves_nothing(plaza: Plaza) -> None:
    plaza.up()
    answer = plaza.run("down")
    assert (answer.returncode, answer.stdout) == (0, "Plaza is stopped.\n")
    assert plaza.strays() == []
    assert not any(is_listening(plaza.port + offset) for offset in range(4))
    assert not (plaza.base() / "run/supervisor.json").exists()


def test_down_of_what_is_not_running_says_so(plaza: Plaza) -> None:
    answer = plaza.run("down")
    assert answer.returncode == 0
    assert answer.stdout.startswith("Plaza is not running")
    assert not plaza.base().exists()


def test_down_ends_what_a_killed_supervisor_left_behind(plaza: Plaza) -> None:
    plaza.up()
    orders, worker = plaza.pid("orders"), plaza.ask(3)["worker"]
    os.kill(orders, signal.SIGSTOP)  # so that it can't obey SIGTERM
    os.kill(plaza.supervisor(), signal.SIGKILL)
    eventually(lambda: set(plaza.strays()) == {orders, worker})
    os.kill(orders, signal.SIGKILL)
    eventually(lambda: plaza.strays() == [worker])
    answer = plaza.run("down")
    assert answer.returncode == 0
    assert "killed supervisor had left behind (processes: 1)" in answer.stdout
    assert plaza.strays() == []


def test_down_never_touches_a_process_that_got_the_number_later(plaza: Plaza) -> None:
    (plaza.base() / "run").mkdir(parents=True)
    me = Record("supervisor", os.getpid(), "another boot/1")
    State(me, plaza.port, (Record("users", os.getpid(), "another boot/1", plaza.port),)).write(
        plaza.base() / "run/supervisor.json"
    )
    answer = plaza.run("down")
    assert (answer.returncode, answer.stdout) == (0, "Plaza was not running any more.\n")
