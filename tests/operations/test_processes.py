import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from operations import processes
from tests.support.plaza import eventually

PARENT = """
import os, signal, sys
from pathlib import Path
from operations import processes
child = processes.spawn(["sleep", "60"], directory=Path("."), environment=os.environ, stdout=None)
print(child.pid, flush=True)
signal.pause()
"""


def test_a_process_is_known_by_more_than_its_number() -> None:
    known_as = processes.identity(os.getpid())
    assert known_as is not None
    assert known_as == processes.identity(os.getpid())
    assert known_as != processes.identity(1)


def test_without_proc_ps_says_when_a_process_started() -> None:
    answer = "Ss   Thu Nov 26 09:30:05 2026    \n"
    assert processes._identity_in_ps(answer) == "Thu Nov 26 09:30:05 2026"


@pytest.mark.parametrize("answer", ["", "\n", "Z    Thu Nov 26 09:30:05 2026\n", "Z+   Thu Nov 26 09:30:05 2026\n"])
def test_a_process_that_ps_does_not_know_or_calls_a_zombie_is_gone(answer: str) -> None:
    assert processes._identity_in_ps(answer) is None


def test_a_zombie_is_gone() -> None:
    process = subprocess.Popen(["true"])
    eventually(lambda: processes.identity(process.pid) is None)
    process.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals the end of a parent")
def test_a_process_ends_with_its_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert processes.identity(child) is not None
    parent.kill()
    parent.communicate()
    eventually(lambda: processes.identity(child) is None)


def test_a_process_whose_parent_ended_before_prctl_ends_itself() -> None:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        processes._end_with_parent(parent=1_000_000_000)
        os.write(writer, b"still here")
        os._exit(0)
    os.close(writer)
    assert (os.read(reader, 10), os.waitpid(pid, 0)[1] >> 8) == (b"", 1)
    os.close(reader)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_a_stray_is_found_by_a_variable_that_it_inherited() -> None:
    tag = str(uuid.uuid4())
    command = ["sh", "-c", "sleep 60 >/dev/null & echo $!"]
    stray = int(subprocess.check_output(command, env={**os.environ, "TAG": tag}))
    assert processes.tagged("TAG", tag) == [stray]
    processes.send(stray, signal.SIGKILL)
    eventually(lambda: processes.tagged("TAG", tag) == [])


def test_a_signal_to_a_process_that_is_gone_is_no_error() -> None:
    process = subprocess.Popen(["true"], start_new_session=True)
    process.wait()
    processes.send(process.pid, signal.SIGTERM)
    processes.send_group(process.pid, signal.SIGTERM)
