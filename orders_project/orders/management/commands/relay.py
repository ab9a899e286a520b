"""`manage.py relay` finishes what a crash or an outage left undone. Any number of relays may run at the same time."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from common import memory
from common.databases import make_tables
from common.observability import exporter
from orders_project.orders.products_client import products_client
from orders_project.orders.relay import BATCH, THREADS, Relay

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = "Make or migrate the tables, then repeat what orders want of products; runs until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--interval", type=float, default=0.5, help="seconds between looks (default: %(default)s)")
        parser.add_argument("--batch", type=int, default=BATCH, help="orders claimed at once (default: %(default)s)")
        parser.add_argument("--threads", type=int, default=THREADS, help="calls in flight (default: %(default)s)")
        parser.add_argument("--metrics-host", default="127.0.0.1", help="where /metrics is (default: %(default)s)")
        parser.add_argument(
            "--metrics-port",
            type=int,
            default=settings.RELAY_METRICS_PORT,
            help="the port of /metrics (default: RELAY_METRICS_PORT, or none)",
        )
        parser.add_argument("--once", action="store_true", help="do what is due now, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        make_tables()
        if options["metrics_port"]:
            expose_metrics(options["metrics_host"], options["metrics_port"])
        memory.keep_little()
        log.info("relay started", batch=options["batch"], threads=options["threads"])
        with ThreadPoolExecutor(options["threads"]) as pool:
            relay = Relay(products_client(), pool.map, stop, batch=options["batch"], interval_s=options["interval"])
            if options["once"]:
                relay.run_once()
            else:
                relay.run()


def expose_metrics(host: str, port: int) -> None:
    try:
        exporter.expose(host, port, settings.METRICS_TOKEN)
    except OSError as error:
        raise CommandError(f"/metrics can't be at {host}:{port}: {error.strerror}") from error
