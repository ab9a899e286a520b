"""A second gateway and a second relay beside those of `up`, started again when they end, as any orchestrator would."""

import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from operations import processes
from operations.layout import ROOT, manage

LOOK_EVERY_S = 0.2
SECOND_GATEWAY, SECOND_RELAY = "second gateway", "second relay"


class Beside:
    """`environment` names the services, databases and keys of the system; what they print goes to `directory`."""

    def __init__(self, directory: Path, port: int, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._log = directory / "beside.log"
        self._commands = {
            SECOND_GATEWAY: manage("gateway_project", "serve", "--port", str(port)),
            SECOND_RELAY: manage("orders_project", "relay"),
        }
        self._running = {name: self._begin(name) for name in self._commands}
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> Self:
        self._keeper.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._keeper.join()
        for process in self._running.values():
            processes.send_group(process.pid, signal.SIGCONT)
            processes.send_group(process.pid, signal.SIGKILL)
            process.wait()

    @property
    def names(self) -> list[str]:
        return list(self._commands)

    def pid(self, name: str) -> int | None:
        """None while it waits to be started again."""
        process = self._running[name]
        return process.pid if process.poll() is None else None

    def _keep(self) -> None:
        while not self._ended.wait(LOOK_EVERY_S):
            for name, process in self._running.items():
                if process.poll() is not None:
                    processes.send_group(process.pid, signal.SIGKILL)  # its workers
                    self._running[name] = self._begin(name)

    def _begin(self, name: str) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as output:
            return processes.spawn(self._commands[name], directory=ROOT, environment=self._environment, stdout=output)
