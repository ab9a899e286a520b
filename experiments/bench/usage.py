"""What processes take of the machine, as the operating system counts it: proc(5)."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from operations import processes

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
KIB = 1024


def cpu_s(leaders: Iterable[int]) -> float:
    """Seconds of CPU that the living processes of these groups have taken so far, user and system together."""
    return sum(ticks_in(read(pid, "stat")) for leader in leaders for pid in processes.group_members(leader)) / (
        TICKS_A_SECOND
    )


def ticks_in(stat: str) -> int:
    """Its own, and of its children that have ended."""
    fields = stat.rpartition(")")[2].split()  # the name before it may contain anything
    return sum(map(int, fields[11:15])) if fields else 0


@dataclass(frozen=True)
class Memory:
    """In MiB. `pss_mib` counts each page that several processes share in equal parts, so a sum of it is true."""

    pss_mib: float = 0.0
    rss_mib: float = 0.0

    def __add__(self, other: "Memory") -> "Memory":
        return Memory(self.pss_mib + other.pss_mib, self.rss_mib + other.rss_mib)


def memory(pids: Iterable[int]) -> Memory:
    return sum((memory_in(read(pid, "smaps_rollup")) for pid in pids), Memory())


def memory_in(smaps_rollup: str) -> Memory:
    sizes = dict(re.findall(r"^(Pss|Rss):\s+(\d+) kB$", smaps_rollup, re.MULTILINE))
    return Memory(int(sizes.get("Pss", 0)) / KIB, int(sizes.get("Rss", 0)) / KIB)


def read(pid: int, name: str) -> str:
    """Empty if the process is gone."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""
