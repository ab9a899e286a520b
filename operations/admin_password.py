"""The password that PLAZA_ADMIN_PASSWORD gives to a new `admin`, and that no process keeps.

An environment can be read in /proc for as long as its process lives, and each process hands it on. So `manage_all.py`
puts the password into a file without a name, begins again without the variable, and gives it only to the command that
makes the user.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "PLAZA_ADMIN_PASSWORD"
FILE_VARIABLE = f"{VARIABLE}_FILE"
NAMELESS = "/dev/fd/"


def is_in_the_environment() -> bool:
    return VARIABLE in os.environ


def hide() -> None:
    """Where the variable is set, move its value to a file that only this process, and what it becomes, has open."""
    if (password := os.environ.pop(VARIABLE, None)) is None:
        return
    with tempfile.TemporaryFile() as file:
        file.write(password.encode())
        file.flush()
        descriptor = os.dup(file.fileno())
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.set_inheritable(descriptor, True)
    os.environ[FILE_VARIABLE] = f"{NAMELESS}{descriptor}"


def hidden() -> dict[str, str]:
    """The variable for the command that makes the user; empty if nobody has set it."""
    path = os.environ.get(FILE_VARIABLE, "")
    return {VARIABLE: Path(path).read_text()} if path.startswith(NAMELESS) else {}


def without(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` for everyone else. A file that the caller has named is no secret."""
    path = environment.get(FILE_VARIABLE, "")
    secret = {VARIABLE, FILE_VARIABLE} if path.startswith(NAMELESS) else {VARIABLE}
    return {name: value for name, value in environment.items() if name not in secret}
