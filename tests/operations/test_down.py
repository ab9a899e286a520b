import os
import signal
import subprocess

from operations.layout import OWNER_VARIABLE
from operations.status import Record, State
from tests.operations.fake_plaza import FakePlaza, is_listening
from tests.support.plaza import eventually


def test_down_leaves_nothing(plaza: FakePlaza) -> None:
    plaza.up()
    answer = plaza.run("down")
    assert (answer.returncode, answer.stdout) == (0, "Plaza is stopped.\n")
    assert plaza.processes() == []
    assert not any(is_listening(plaza.port + offset) for offset in range(4))
    assert not (plaza.data_dir / "run/supervisor.json").exists()


def test_down_says_if_nothing_runs(plaza: FakePlaza) -> None:
    answer = plaza.run("down")
    assert answer.returncode == 0
    assert answer.stdout.startswith("Plaza is not running")
    assert not plaza.data_dir.exists()


def test_down_ends_what_a_killed_supervisor_left_behind(plaza: FakePlaza) -> None:
    plaza.up()
    orders, worker = plaza.pid("orders"), plaza.ask("orders")["worker"]
    os.kill(orders, signal.SIGSTOP)  # so that it can't obey SIGTERM
    os.kill(plaza.supervisor(), signal.SIGKILL)
    eventually(lambda: set(plaza.processes()) == {orders, worker})
    os.kill(orders, signal.SIGKILL)
    eventually(lambda: plaza.processes() == [worker])
    answer = plaza.run("down")
    assert answer.returncode == 0
    assert "killed supervisor had left behind (processes: 1)" in answer.stdout
    assert plaza.processes() == []


def test_down_never_touches_a_process_that_reuses_the_number(plaza: FakePlaza) -> None:
    (plaza.data_dir / "run").mkdir(parents=True)
    me = Record("supervisor", os.getpid(), "another boot/1")
    State(me, plaza.port, (Record("users", os.getpid(), "another boot/1", plaza.port),)).write(
        plaza.data_dir / "run/supervisor.json"
    )
    answer = plaza.run("down")
    assert (answer.returncode, answer.stdout) == (0, "Plaza was not running any more.\n")


def test_down_leaves_alone_what_only_has_the_variable(plaza: FakePlaza) -> None:
    plaza.up()
    environment = {**os.environ, OWNER_VARIABLE: str(plaza.data_dir)}
    with subprocess.Popen(["sleep", "60"], env=environment, start_new_session=True) as of_a_shell:
        os.kill(plaza.supervisor(), signal.SIGKILL)
        assert plaza.run("down").returncode == 0
        assert plaza.processes() == [of_a_shell.pid]
        of_a_shell.kill()
