"""`manage.py migrate`, which on PostgreSQL never waits long for a table.

A change of a table waits until nobody uses it, and whoever comes after that waits too, also readers. So it waits for
two seconds only, lets the others go on, and tries again. What is migrated by then stays so.
"""

import random
import time
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections

LOCK_TIMEOUT = "2s"
PATIENCE_S = 120.0
LOCK_NOT_AVAILABLE = "55P03"


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor != "postgresql":
            super().handle(*args, **options)
            return
        give_up_at = time.monotonic() + PATIENCE_S
        while not self._try(connection, *args, **options):
            if time.monotonic() > give_up_at:
                raise CommandError("A table is in use all the time; end what uses it for so long, then try again.")
            self.stderr.write("A table is in use; trying again ...")
            time.sleep(random.uniform(0.5, 1.5))

    def _try(self, connection: Any, *args: Any, **options: Any) -> bool:
        """Whether all tables could be locked in time."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [LOCK_TIMEOUT])
        try:
            super().handle(*args, **options)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                raise
            return False
        finally:
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")
        return True
