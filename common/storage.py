"""Whether this process can write its database: what `/health/ready` says, and never a reason not to read."""

import shutil
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic

import structlog
from django.db import Error, connection
from prometheus_client import Gauge
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from common.database_faults import Fault, fault_of
from common.sqlite.write_probe import write_fault

PROBE_EVERY_S = 2.0
BELIEVED_S = 5.0  # how long a failed write counts for more than a probe that found nothing

UNWRITABLE = Gauge("plaza_storage_fault", "1 while the database can't be written.", multiprocess_mode="livemax")

log = structlog.get_logger(__name__)


def probe() -> Fault | None:
    """Ask the database itself. Of a PostgreSQL whose disk is full only a failed write tells."""
    if connection.vendor == "sqlite":
        return write_fault(str(connection.settings_dict["NAME"]))
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('transaction_read_only')")
            return Fault.READ_ONLY if cursor.fetchone() == ("on",) else None
    except Error as error:
        fault = fault_of(error)
        return fault if fault and fault.is_of_storage else None


class Room(Collector):
    """`plaza_storage_free_bytes` of the disk that a SQLite database is on. PostgreSQL watches its own."""

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        if connection.vendor == "sqlite" and (folder := Path(str(connection.settings_dict["NAME"])).parent).is_dir():
            free = shutil.disk_usage(folder).free
            yield GaugeMetricFamily("plaza_storage_free_bytes", "Room left on the disk of the database.", free)


class StorageWatch:
    """What probes find and what requests meet, together. Safe to share between threads."""

    def __init__(self, probe: Callable[[], Fault | None] = probe, clock: Callable[[], float] = monotonic) -> None:
        self._probe = probe
        self._clock = clock
        self._found: Fault | None = None
        self._probed_at = self._met_at = float("-inf")
        self._met: Fault | None = None
        self._said: Fault | None = None
        self._lock = threading.Lock()

    def meet(self, fault: Fault) -> None:
        """A request could not be done for this."""
        self._met, self._met_at = fault, self._clock()

    def fault(self) -> Fault | None:
        """What keeps writes from being done. Probes at most every PROBE_EVERY_S, whoever asks."""
        with self._lock:
            now = self._clock()
            if now - self._probed_at >= PROBE_EVERY_S:
                self._found, self._probed_at = self._probe(), now
            fault = self._found or (self._met if now - self._met_at < BELIEVED_S else None)
            if fault is not self._said:
                self._tell(fault)
            return fault

    def _tell(self, fault: Fault | None) -> None:
        self._said = fault
        UNWRITABLE.set(0 if fault is None else 1)
        if fault is None:
            log.warning("the database can be written again")
        else:
            log.error("the database can't be written; reading goes on", storage=fault.value)


watch = StorageWatch()
