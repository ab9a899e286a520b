"""`manage.py relay`: tables first, then what a crash or an outage left undone. Any number may run at once."""

import signal
import threading
from typing import Any

import structlog
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, close_old_connections

from common.databases import migration_lock
from common.tracing import begin_trace, work_span
from orders_project.orders.outbox import claim_due, deliver
from orders_project.orders.products_client import products_client

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = "Make or migrate the tables, then repeat what orders want of products; runs until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--interval", type=float, default=0.5, help="seconds between looks (default: %(default)s)")
        parser.add_argument("--batch", type=int, default=10, help="orders claimed at once (default: %(default)s)")
        parser.add_argument("--once", action="store_true", help="do what is due now, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        with migration_lock():
            call_command("migrate", interactive=False, verbosity=0)
        log.info("relay started", interval_s=options["interval"], batch=options["batch"])
        while not stop.is_set():
            worked = self._work(options["batch"], stop, may_fail=not options["once"])
            if options["once"] and not worked:
                return
            if not worked:
                stop.wait(options["interval"])

    def _work(self, batch: int, stop: threading.Event, *, may_fail: bool) -> bool:
        """Whether there was anything to do."""
        try:
            claimed = claim_due(batch)
            for order_id in claimed:
                if stop.is_set():  # the claim expires, and another relay takes over
                    break
                with work_span("deliver order"):
                    begin_trace()
                    deliver(order_id, products_client())
            return bool(claimed)
        except DatabaseError:
            if not may_fail:
                raise
            log.exception("the database failed; trying again")
            close_old_connections()
            return False
