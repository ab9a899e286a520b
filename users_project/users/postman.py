"""Sends the letters that requests for a new password have asked for, in a thread of its own.

A request is its own outbox. It is claimed by putting off its next attempt, so of several processes one sends it, and
one that dies leaves it to the next attempt. It is gone once its letters are handed over, or when it is too old.
"""

import smtplib
import threading
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import Error, connections
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from .models import ResetRequest, User
from .resets import accounts_of, due_requests, tokens

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 15))  # also how long an attempt may take

log = structlog.get_logger(__name__)


class Postman:
    """One daemon thread in each process, started by the first `wake`."""

    def __init__(self) -> None:
        self._wanted = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """There may be something to send. This returns at once."""
        self._wanted.set()
        with self._lock:
            if self._thread is None or not self._thread.is_alive():  # nothing unforeseen ends it for good
                self._thread = threading.Thread(target=self._work, name="postman", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            try:
                send_due()
            except Error as error:  # of the database; the chore tries again
                log.warning("letters wait", error=str(error))
            finally:
                connections.close_all()


def send_due() -> int:
    """Send what is due, and return how many requests are done. A mail server that fails is not asked again at once."""
    done = 0
    while request := _claim():
        try:
            sent = _send(request)
        except OSError as error:  # smtplib's errors are OSErrors too
            log.warning("a letter could not be sent", attempts=request.attempts, error=type(error).__name__)
            break
        request.delete()
        done += 1
        log.info("password reset", letters=sent, attempts=request.attempts)
    return done


def _send(request: ResetRequest) -> int:
    """The number of letters sent. An address that no mail server takes keeps nobody else's letter back.

    Raises:
        OSError: the mail server fails.
    """
    sent = 0
    for letter in letters_for(request):
        try:
            sent += get_connection().send_messages([letter]) or 0
        except (ValueError, smtplib.SMTPRecipientsRefused) as error:  # ValueError: the address can't be written
            log.warning("an address was refused", attempts=request.attempts, error=type(error).__name__)
    return sent


def letters_for(request: ResetRequest) -> Iterator[EmailMessage]:
    """One for each address that the account's name stands for. Links go to the stored address, never to a typed one."""
    by_address: defaultdict[str, list[User]] = defaultdict(list)
    for user in accounts_of(request.account):
        by_address[user.email].append(user)
    with translation.override(request.language):
        for address, users in by_address.items():
            yield EmailMessage(
                _("A new password for Plaza"),
                _text(users),
                to=[address],
                headers={"Auto-Submitted": "auto-generated"},
            )


def _text(users: list[User]) -> str:
    minutes = settings.PASSWORD_RESET_TIMEOUT // 60
    links = [f"{user.username}:\n{link_for(user)}" for user in users]
    return "\n\n".join(
        [
            _("Somebody, probably you, has asked for a new password. Choose one here:"),
            *links,
            _("The link works once, and for %(minutes)d minutes.") % {"minutes": minutes},
            _("If it wasn't you, there is nothing to do: your password stays as it is."),
        ]
    )


def link_for(user: Any) -> str:
    return f"{settings.PUBLIC_URL}/password-reset/{user.pk}/{tokens.make_token(user)}/"


def _claim() -> ResetRequest | None:
    """The request that is due for longest, put off for whoever looks next. Those that are too old are dropped."""
    _drop_old()
    for request in due_requests()[:20]:
        pause = PAUSES[min(request.attempts, len(PAUSES) - 1)]
        mine = ResetRequest.objects.filter(pk=request.pk, due_at=request.due_at)
        if mine.update(due_at=timezone.now() + pause, attempts=request.attempts + 1):
            request.attempts += 1
            return request
    return None


def _drop_old() -> None:
    """When a request is as old as its link could be, whoever asked has asked again."""
    since = timezone.now() - timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
    dropped, _rows = ResetRequest.objects.filter(created_at__lt=since).delete()
    if dropped:
        log.error("letters were given up: the mail server has failed for too long", number=dropped)


postman = Postman()
