"""`manage.py serve`: tables first, then gunicorn with threads."""

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.wsgi import get_wsgi_application
from django.db import connections
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from common import metrics
from common.databases import migration_lock


class Command(BaseCommand):
    help = "Make or migrate the tables, then serve this project over HTTP until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: %(default)s)")
        parser.add_argument("--port", type=int, required=True, help="port to bind")
        parser.add_argument("--workers", type=int, default=1, help="processes (default: %(default)s)")
        parser.add_argument(
            "--threads", type=int, default=settings.THREADS, help="threads a process (default: %(default)s)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 < options["port"] < 65536:
            raise CommandError("--port takes a number from 1 to 65535.")
        if options["workers"] < 1 or options["threads"] < 1:
            raise CommandError("--workers and --threads start at 1.")
        missing = getattr(settings, "SEVERAL_WORKERS_NEED", "")
        if options["workers"] > 1 and missing:
            raise CommandError(f"More than one worker needs {missing}.")
        with migration_lock():
            call_command("migrate", interactive=False, verbosity=0)
        connections.close_all()  # no connection may cross the fork
        Server(options).run()


class PropagatingLogger(Logger):
    """Gunicorn's messages go to the root logger, so that they are JSON lines like all others."""

    def setup(self, cfg: Any) -> None:
        self.error_log.propagate = True
        self.error_log.setLevel(settings.LOG_LEVEL)

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """What is no HTTP is logged without what it said, which may hold a token."""
        said = msg.partition(": ")[0] if msg.startswith("Invalid request from ") else msg
        super().warning(said, *args, **kwargs)  # type: ignore[no-untyped-call]


class Server(BaseApplication):
    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        super().__init__()  # type: ignore[no-untyped-call]

    def load_config(self) -> None:
        chosen = {
            "bind": f"{self.options['host']}:{self.options['port']}",
            "workers": self.options["workers"],
            "threads": self.options["threads"],
            "worker_class": "gthread",
            "preload_app": True,
            "keepalive": 75,  # longer than callers keep a connection, so that they don't meet a closing one
            "graceful_timeout": 10,
            "timeout": 60,
            "logger_class": PropagatingLogger,
            "accesslog": None,
            "control_socket_disable": True,
            "proc_name": f"plaza-{settings.SERVICE_NAME}",
            "forwarded_allow_ips": "",  # X-Forwarded-* is read by Django, from TRUSTED_PROXIES only
            "worker_tmp_dir": "/dev/shm" if os.path.isdir("/dev/shm") else None,
        }
        if self.options["workers"] > 1:
            chosen["child_exit"] = lambda arbiter, worker: metrics.forget_process(worker.pid)
        for name, value in chosen.items():
            self.cfg.set(name, value)  # type: ignore[union-attr]

    def run(self) -> None:
        if self.options["workers"] > 1 and not metrics.are_shared():
            # Workers can only share metrics when that is known before the first is made: begin again, as this process.
            os.environ[metrics.DIRECTORY_VARIABLE] = str(metrics.fresh_directory(settings.SERVICE_NAME))
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - no shell is meant
        super().run()  # type: ignore[no-untyped-call]

    def load(self) -> Any:
        return get_wsgi_application()
