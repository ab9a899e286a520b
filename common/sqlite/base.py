"""The backend. Writers queue before `BEGIN IMMEDIATE` instead of racing in SQLite's busy handler.

SQLite's own waiting is polling without a queue: under load an unlucky writer waited 4.1 s, with this lock 0.1 s.
Threads queue on a lock of the process, processes on a lock file beside the database.
"""

import os
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from uuid import UUID

from django.db.backends.sqlite3 import base, features, operations
from django.db.models.expressions import Col

from .private_file import ensure_private
from .write_lock import WriteLock, lock_for

# Of SQLite's virtual machine: 1 to 20 ms of a scan. A statement that ends before costs nothing, and a longer one waits
# for Python's lock only so often: at 10,000 steps, beside one busy thread, it took twice as long.
STEPS_BETWEEN_LOOKS = 100_000


class DatabaseFeatures(features.DatabaseFeatures):
    # Django spares SQLite row values for the sake of `(a, b) IN (…)`. Keyset pages compare them with < and >, which
    # SQLite answers from an index; spelt out with OR it would walk there from the index's first row.
    supports_tuple_lookups = True


def _moment(text: bytes) -> datetime:
    """Of a column. All that Django writes is in UTC, and says no offset; others may have written it otherwise."""
    try:
        moment = datetime.fromisoformat(f"{text.decode()}+00:00")
    except ValueError:
        moment = datetime.fromisoformat(text.decode())
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


sqlite3.register_converter("datetime", _moment)


class DatabaseOperations(operations.DatabaseOperations):
    def get_db_converters(self, expression: Any) -> list[Any]:
        converters: list[Any] = super().get_db_converters(expression)
        if isinstance(expression, Col):  # of a column, `_moment` has made all that there is to make
            return [each for each in converters if each != self.convert_datetimefield_value]
        return converters

    def convert_uuidfield_value(self, value: str | None, expression: Any, connection: Any) -> UUID | None:
        return None if value is None else UUID(int=int(value, 16))


class DatabaseWrapper(base.DatabaseWrapper):
    features_class = DatabaseFeatures
    ops_class = DatabaseOperations
    statement_ends_at: float | None = None  # monotonic seconds; what still runs then is interrupted
    _held: WriteLock | None = None
    _is_read_only = False

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        path = conn_params["database"]
        if not path.startswith("file:") and path != ":memory:":
            with suppress(OSError):  # SQLite says what is wrong with the place, as an error of the database
                ensure_private(path)
            self._is_read_only = not os.access(path, os.W_OK)
        connection = super().get_new_connection(conn_params)
        connection.set_progress_handler(self._is_late, STEPS_BETWEEN_LOOKS)
        return connection

    def _is_late(self) -> bool:
        return self.statement_ends_at is not None and monotonic() > self.statement_ends_at

    def is_usable(self) -> bool:
        """Asked after an error. What was opened read-only stays so, also once its file can be written: open it anew."""
        return not self._is_read_only and super().is_usable()

    def _start_transaction_under_autocommit(self) -> None:
        lock = lock_for(str(self.settings_dict["NAME"]))
        # Past the time-out SQLite's own lock decides: a frozen holder gives "database is locked", not a hang. And where
        # no lock file can be made, SQLite says what is wrong with the place.
        with suppress(OSError):
            if self._held is None and lock.acquire(timeout_s=self.settings_dict["OPTIONS"].get("timeout", 5)):
                self._held = lock
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._release()
            raise

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc]
        self._release()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self._release()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self._release()

    def _release(self) -> None:
        if self._held is not None:
            held, self._held = self._held, None
            held.release()
