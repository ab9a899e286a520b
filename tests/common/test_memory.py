"""What a process keeps of memory that its threads have used, measured in a process of its own."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from common import memory

ROOT = Path(__file__).resolve().parents[2]
KEPT = """
import ctypes, sys, threading
from common.memory import keep_little
keep_little()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4

def use():
    for _ in range(3):  # the second of glibc's blocks would already be kept
        block = libc.malloc(19 << 20)
        ctypes.memset(block, 1, 19 << 20)
        together.wait()
        libc.free(block)

together = threading.Barrier(4)
before = resident()
threads = [threading.Thread(target=use) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(resident() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_a_large_block_is_given_back_whichever_thread_had_it() -> None:
    done = subprocess.run([sys.executable, "-c", KEPT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 19 * 1024


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: SimpleNamespace())
    memory.keep_little()
