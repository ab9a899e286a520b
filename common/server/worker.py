"""gunicorn's worker process: begins the server, and ends it without losing a request."""

import os
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from types import FrameType

import structlog
from django.conf import settings
from django.db import connections
from django.utils.module_loading import import_string
from gunicorn.workers import base

from common import memory
from common.observability import health

from . import threads
from .application import Responder
from .caretaker import NOTICE, SIGNALS
from .connections import counting
from .framing import RequestReader, Settings
from .limits import Limits
from .lines import Grouping
from .one_core import OneCore
from .server import Server
from .threads import Threads

BEAT_S = 1.0  # how often the caretaker is told that this process lives
IDLE_LINGER_S = 2.0  # how long a service that ends still takes a next request of a connection that was kept
LEAVING_TURN_S = 0.1
OTHER_FILES = 256  # that a process has open besides connections: its database's, its calls', its logs
FILES_A_THREAD = 4
TOGETHER = "common.server.lines.Together"

log = structlog.get_logger(__name__)


class Worker(base.Worker):
    """Told to leave by SIGTERM. SIGUSR2 before that says that the whole service ends, so it isn't ready any more."""

    clock: Callable[[], float] = staticmethod(time.monotonic)

    def init_signals(self) -> None:
        super().init_signals()
        signal.signal(NOTICE, self.handle_notice)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def handle_notice(self, number: int, frame: FrameType | None) -> None:
        health.begin_leaving()

    def run(self) -> None:
        memory.keep_little()
        server = self.make_server(fit_to_files(self.app.limits))
        server.listen([listener.sock for listener in self.sockets])
        server.loop.watch_pipe(self.PIPE[0])  # into which Python writes when a signal comes
        place = OneCore(None if getattr(settings, "SERVER_ON_ONE_CORE", False) else frozenset())
        while self.alive and self.ppid == os.getppid():
            self.notify()
            place.settle()
            self.serve_for(BEAT_S, server)
        self.leave(server)

    def serve_for(self, seconds: float, server: Server) -> None:
        until = self.clock() + seconds
        while self.alive and self.clock() < until:
            server.turn(seconds)

    def make_server(self, limits: Limits) -> Server:
        config = Settings(self.cfg)
        grouping: Grouping = import_string(getattr(settings, "SERVER_GROUPING", TOGETHER))()
        threads.own = Threads(limits.threads, at_end=connections.close_all, places=grouping.places)
        responder = Responder(self.wsgi, config, lambda: not self.alive or health.is_leaving())
        max_body_bytes: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        return Server(
            responder.answer,
            lambda peer: RequestReader(config, peer, max_body_bytes),
            counting(getattr(settings, "TRUSTED_PROXIES", ())),
            threads.own,
            limits,
            grouping=grouping,
            accept_at_once=64 if self.cfg.workers == 1 else 1,
        )

    def leave(self, server: Server) -> None:
        """Answer everyone who has asked. Who has kept a connection may ask once more, and is told that it ends.

        Where other workers go on, there is time for that; where the service ends, nobody is kept waiting for long.
        """
        self.alive = False
        begun_at = self.clock()
        server.stop_listening()
        while server.is_busy and self.clock() < begun_at + self.cfg.graceful_timeout - 1:
            self.notify()
            server.turn(LEAVING_TURN_S)
            if health.is_leaving() and self.clock() > begun_at + IDLE_LINGER_S:
                server.close_idle()
        server.close()


def fit_to_files(limits: Limits) -> Limits:
    """As many connections as this process may have files open; the machine's soft limit is raised for that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    others = OTHER_FILES + FILES_A_THREAD * limits.threads
    wanted = limits.connections + others
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return limits
    connections = max(limits.threads, soft - others)
    log.warning("fewer connections than MAX_CONNECTIONS, for want of files (ulimit -n)", connections=connections)
    per_address = min(limits.connections_per_address, connections)
    return replace(limits, connections=connections, connections_per_address=per_address)
