"""Refuses the access tokens of ended sessions, without a query for each request.

Twice a second each process reads the sessions that were revoked within the lifetime of an access token. Those that were
revoked earlier have no valid token left. If reading fails for `MAX_STALENESS_S`, no token can be trusted: fail closed.
"""

import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import Error, connection
from django.utils import timezone

from .errors import RevocationsUnknown
from .models import Session

MAX_STALENESS_S = 5.0

log = structlog.get_logger(__name__)


class RevocationList:
    """Safe to share between threads; `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._revoked: frozenset[UUID] = frozenset()
        self._added: dict[UUID, float] = {}
        self._read_at = float("-inf")
        self._lock = threading.Lock()
        self._poller: threading.Thread | None = None
        self._starting = threading.Lock()

    def is_revoked(self, session_id: UUID) -> bool:
        """Raises `RevocationsUnknown` when the list is too old to trust."""
        self._keep_fresh()
        if self._clock() - self._read_at > MAX_STALENESS_S:
            raise RevocationsUnknown
        return session_id in self._revoked or session_id in self._added

    def add(self, session_ids: Iterable[UUID]) -> None:
        """Refuse these sessions from now on. The next read may not see them yet."""
        with self._lock:
            self._added.update(dict.fromkeys(session_ids, self._clock()))

    def read(self) -> None:
        """Read the list again. If the database fails, the old list stays and gets older."""
        started_at = self._clock()
        since = timezone.now() - settings.ACCESS_LIFETIME - timedelta(seconds=30)
        try:
            revoked = frozenset(Session.objects.filter(revoked_at__gte=since).values_list("pk", flat=True))
        except Error:  # not only DatabaseError: a dead connection raises InterfaceError
            log.exception("the list of revoked sessions can't be read")
            return
        with self._lock:
            self._revoked = revoked
            self._added = {key: at for key, at in self._added.items() if at >= started_at}
            self._read_at = started_at

    def _keep_fresh(self) -> None:
        """Read in the background every REVOCATION_POLL_S seconds. If that is 0, as in tests, read before each check."""
        if not settings.REVOCATION_POLL_S:
            self.read()
        elif self._poller is None:
            self._start_polling()

    def _start_polling(self) -> None:
        poller = threading.Thread(target=self._poll, name="revocations", daemon=True)
        with self._starting:
            if self._poller is None:
                self.read()
                self._poller = poller
                poller.start()

    def _poll(self) -> None:
        while True:
            time.sleep(settings.REVOCATION_POLL_S)
            self.read()
            if connection.errors_occurred:  # else it is kept, which spares the database two new ones a second
                connection.close()


revocations = RevocationList()
