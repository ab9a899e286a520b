"""`manage.py serve`: tables first, then gunicorn with the worker of `common.server`."""

import gc
import os
import sys
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from common import chores
from common.connection_room import check_room
from common.databases import make_tables
from common.observability import metrics
from common.server.arbiter import Arbiter, handed_on
from common.server.caretaker import LISTENERS_VARIABLE, TABLES_VARIABLE
from common.server.limits import GRACE_S, Limits
from common.settings import env_number


class Command(BaseCommand):
    help = "Make or migrate the tables, then serve this project over HTTP until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: %(default)s)")
        parser.add_argument(
            "--port", type=int, default=settings.SERVER_PORT, help="port to bind (default: %(default)s)"
        )
        parser.add_argument("--workers", type=int, help=f"processes (default: {workers_variable()}, or 1)")
        parser.add_argument(
            "--threads",
            type=int,
            default=settings.SERVER_LIMITS.threads,
            help="threads a process (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 < options["port"] < 65536:
            raise CommandError("--port takes a number from 1 to 65535.")
        if options["workers"] is None:
            options["workers"] = int(env_number(workers_variable(), 1))
        if options["workers"] < 1 or options["threads"] < 1:
            raise CommandError("--workers and --threads start at 1.")
        missing = getattr(settings, "SEVERAL_WORKERS_NEED", "")
        if options["workers"] > 1 and missing:
            raise CommandError(f"More than one worker needs {missing}.")
        if not handed_on(TABLES_VARIABLE):
            make_tables()
            self._require_room(options)
        Server(options).run()

    def _require_room(self, options: dict[str, Any]) -> None:
        try:
            check_room(options["threads"], options["workers"])
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error


def workers_variable() -> str:
    return f"{settings.SERVICE_NAME.upper()}_WORKERS"


class PropagatingLogger(Logger):
    """Gunicorn's messages go to the root logger, so that they are JSON lines like all others."""

    def setup(self, cfg: Any) -> None:
        self.error_log.propagate = True
        self.error_log.setLevel(settings.LOG_LEVEL)


class Server(BaseApplication):
    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.limits: Limits = replace(settings.SERVER_LIMITS, threads=options["threads"])
        super().__init__()

    def load_config(self) -> None:
        listeners = [f"fd://{descriptor}" for descriptor in handed_on(LISTENERS_VARIABLE)]
        chosen = {
            "bind": listeners or f"{self.options['host']}:{self.options['port']}",
            "workers": self.options["workers"],
            "threads": self.options["threads"],
            "worker_class": "common.server.worker.Worker",
            "preload_app": True,
            "graceful_timeout": int(GRACE_S - self.limits.notice_s) - 1,
            "logger_class": PropagatingLogger,
            "accesslog": None,
            "control_socket_disable": True,
            "permit_unconventional_http_method": True,  # any token is one (RFC 9110, 9.1); the answer is 405
            "post_worker_init": lambda worker: chores.begin(),
            "proc_name": f"plaza-{settings.SERVICE_NAME}",
            # X-Forwarded-* is read by Django, from TRUSTED_PROXIES only. Here nobody's address is worth a look.
            "forwarded_allow_ips": "*",
            "forwarder_headers": "",
            "secure_scheme_headers": {},
            "worker_tmp_dir": "/dev/shm" if os.path.isdir("/dev/shm") else None,
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)  # type: ignore[union-attr]

    def run(self) -> None:
        if self.options["workers"] > 1 and not metrics.are_shared():
            # Workers can only share metrics when that is known before the first is made: begin again, as this process.
            os.environ[metrics.DIRECTORY_VARIABLE] = str(metrics.fresh_directory(settings.SERVICE_NAME))
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - no shell is meant
        Arbiter(self).run()

    def load(self) -> Any:
        """All of the application, so that workers share the memory that it takes."""
        application = get_wsgi_application()
        _ = get_resolver().url_patterns  # which imports the views
        gc.collect()
        gc.freeze()  # else a worker's first collection would write to all of it
        return application
