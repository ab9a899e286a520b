"""Asking a service whether it is ready, while a circuit wants to know. No customer's request is risked for that."""

import threading
import time
from collections.abc import Callable

import structlog

from common.resilience import Circuit, Deadline, Policy

from .errors import UpstreamError
from .transport import Call, Transport

READY = Call("GET", "/health/ready")

log = structlog.get_logger(__name__)


def in_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="prober", daemon=True).start()


class Prober:
    """One for each service, shared by the circuits of its lanes. Its thread lives only while one of them waits."""

    def __init__(
        self,
        transport: Transport,
        policy: Policy,
        *,
        sleep: Callable[[float], None] = time.sleep,
        spawn: Callable[[Callable[[], None]], None] = in_thread,
    ) -> None:
        self._transport = transport
        self._policy = policy
        self._sleep = sleep
        self._spawn = spawn
        self._circuits: list[Circuit] = []
        self._is_running = False
        self._lock = threading.Lock()

    def watch(self, circuit: Circuit) -> None:
        self._circuits.append(circuit)

    def wake(self) -> None:
        """Begin to ask, if nobody asks yet."""
        with self._lock:
            if self._is_running:
                return
            self._is_running = True
        self._spawn(self._probe_while_awaited)

    def _probe_while_awaited(self) -> None:
        while True:
            with self._lock:
                self._is_running = any(circuit.awaits_probe for circuit in self._circuits)
            if not self._is_running:
                return
            self.probe()
            self._sleep(self._policy.probe_interval_s)

    def probe(self) -> None:
        """Ask once, and tell the circuits that wait for it."""
        awaiting = [circuit for circuit in self._circuits if circuit.awaits_probe]
        is_ready = self.is_ready()
        for circuit in awaiting:
            circuit.judge(is_ready=is_ready)

    def is_ready(self) -> bool:
        """Whether the service says so, in time."""
        try:
            return self._transport.exchange(READY, Deadline.after(self._policy.probe_timeout_s)).status == 200
        except UpstreamError:
            return False
        except Exception:  # whatever it is, the circuits must get their answer
            log.exception("the probe itself failed")
            return False
