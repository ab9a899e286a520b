"""What a database's error says about the database, where it is not about the statement."""

from collections.abc import Mapping
from enum import Enum

from django.db import Error, InterfaceError, OperationalError


class Fault(Enum):
    TOO_COSTLY = "too costly"  # a statement ran into its limit
    FULL = "full"
    READ_ONLY = "read-only"
    FAILING = "failing"  # the disk reports errors
    DAMAGED = "damaged"
    UNAVAILABLE = "unavailable"  # it can't be reached, or is too busy

    @property
    def is_of_storage(self) -> bool:
        """Nothing can be written, whoever asks."""
        return self in {Fault.FULL, Fault.READ_ONLY, Fault.FAILING, Fault.DAMAGED}


# SQLite's primary result codes (sqlite.org/rescode.html).
SQLITE: Mapping[int, Fault] = {
    5: Fault.UNAVAILABLE,  # SQLITE_BUSY: the lock was not free in time
    6: Fault.UNAVAILABLE,  # SQLITE_LOCKED
    8: Fault.READ_ONLY,  # SQLITE_READONLY
    9: Fault.TOO_COSTLY,  # SQLITE_INTERRUPT: by the progress handler in `common.sqlite`
    10: Fault.FAILING,  # SQLITE_IOERR
    11: Fault.DAMAGED,  # SQLITE_CORRUPT
    13: Fault.FULL,  # SQLITE_FULL
    14: Fault.UNAVAILABLE,  # SQLITE_CANTOPEN
    15: Fault.UNAVAILABLE,  # SQLITE_PROTOCOL
    26: Fault.DAMAGED,  # SQLITE_NOTADB
}

# PostgreSQL's codes and, of two letters, whole classes of them (postgresql.org/docs/current/errcodes-appendix.html).
POSTGRESQL: Mapping[str, Fault] = {
    "08": Fault.UNAVAILABLE,  # connection exceptions
    "25006": Fault.READ_ONLY,
    "40": Fault.UNAVAILABLE,  # deadlocks, rolled back
    "53": Fault.UNAVAILABLE,  # out of memory or connections
    "53100": Fault.FULL,
    "55P03": Fault.UNAVAILABLE,  # the lock was not free in time
    "57014": Fault.TOO_COSTLY,
    "57P": Fault.UNAVAILABLE,  # shutting down or starting
    "58": Fault.FAILING,  # system errors
    "XX001": Fault.DAMAGED,
    "XX002": Fault.DAMAGED,
}


def fault_of(error: Error) -> Fault | None:
    """What is wrong with the database; None when the statement is to blame."""
    cause = error.__cause__
    if (code := getattr(cause, "sqlite_errorcode", None)) is not None:
        return SQLITE.get(code & 0xFF)  # the rest says more about the same
    if state := getattr(cause, "sqlstate", None):
        return next((POSTGRESQL[state[:length]] for length in (5, 3, 2) if state[:length] in POSTGRESQL), None)
    # Without a code the server said nothing at all.
    return Fault.UNAVAILABLE if isinstance(error, OperationalError | InterfaceError) else None
