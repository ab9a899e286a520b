"""Who listens on a port, read from /proc: no `ps`, `ss` or `lsof` has to be there."""

import os
from pathlib import Path

LISTENING = "0A"  # of Linux's states of a connection
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def listener_of(port: int) -> str:
    """Such as `process 77 (python3 -m http.server)`; what is known, where that is less."""
    inodes = {inode for table in TABLES if table.exists() for inode in _listening(table.read_text(), port)}
    found = _holder({f"socket:[{inode}]" for inode in inodes}) if inodes else None
    if found is None:
        return "another user's process" if inodes else "another program"
    return f"process {found} ({command_of(found)})"


def command_of(pid: int) -> str:
    """Its command line, shortened; `?` if it is gone."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "?"
    return words if len(words) <= 60 else words[:59] + "…"


def _listening(table: str, port: int) -> list[str]:
    """The inodes of the sockets that listen on `port`; proc(5) says what the columns are."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return [row[9] for row in rows if row[3] == LISTENING and int(row[1].rpartition(":")[2], 16) == port]


def _holder(sockets: set[str]) -> int | None:
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            if any(os.readlink(entry) in sockets for entry in folder.iterdir()):
                return int(folder.parent.name)
        except OSError:  # it is gone, or another user's
            continue
    return None
