"""How fast passwords can be guessed, and why no stranger can lock out who has signed in before.

Only wrong passwords count, for an hour. Whoever guesses is slowed per account, by `Guess`, and is one of these:

device    A client that proves that it has signed in to the account before (`devices`). Each such client is slowed
          by its own mistakes only.
known     A client without proof at an address from which the account was signed in to before. It is slowed together
          with whoever else guesses this account from this address.
stranger  Anybody else, by address. Besides, all strangers together have a limit at one account, and each address has a
          limit at all accounts together.

IPv6 addresses of one /64 count as one address. The limit at one account is counted for each of the three apart, so
strangers who use it up keep nobody out but other strangers.

Who is signed in and is asked for the current password is slowed by session, with a limit for all sessions of the user.
"""

from collections.abc import Iterable

from django.http import HttpRequest
from rest_framework.exceptions import Throttled
from rest_framework.request import Request

from gateway_project.store.addresses import client_network
from gateway_project.store.throttles import Guess, RequestThrottle, seconds_to_wait

from .devices import account_digest, device_of, has_signed_in_from
from .tokens import TokenUser

RESET_WINDOW_S = 3600


class SignInGuess(Guess):
    """An attempt to sign in as `username`."""

    def __init__(self, request: HttpRequest, username: str) -> None:
        self._username, self._account = username, account_digest(username)
        self._network = client_network(request)
        device = device_of(request)
        self._is_known_device = device is not None and device.has_signed_in_to(username)
        guesser = ("device", device.id) if device and self._is_known_device else ("network", self._network)
        super().__init__("sign-in", *guesser, self._account)

    def limits(self) -> Iterable[tuple[str, ...]]:
        if self._is_known_device:
            yield "sign_in_account", "device", self._account
        elif has_signed_in_from(self._network, self._username):
            yield "sign_in_account", "known", self._account
        else:
            yield "sign_in_account", "stranger", self._account
            yield "sign_in_address", self._network


class PasswordGuess(Guess):
    """A request of a signed-in user that holds the current password: whoever has a stolen session may guess it."""

    def __init__(self, user: TokenUser) -> None:
        self._user_id = str(user.pk)
        super().__init__("session", str(user.session_id))

    def limits(self) -> Iterable[tuple[str, ...]]:
        yield "sign_in_account", "session", self._user_id


class SignInRequestThrottle(RequestThrottle):
    """Counts a client that has signed in before by its account: others at its address can't use up its limit."""

    def caller(self, request: Request) -> tuple[str, str]:
        return _caller_of(request._request)


def count_request(request: HttpRequest) -> None:
    """The same outside of DRF's views. Raises `Throttled`."""
    wait_s = seconds_to_wait(*_caller_of(request))
    if wait_s is not None:
        raise Throttled(wait_s)


def count_reset(request: HttpRequest, account: str) -> None:
    """Count a request for a new password: for an account, whether it exists or not, and from an address.

    Raises:
        Throttled
    """
    for scope, who in (("reset_account", account_digest(account)), ("reset_address", client_network(request))):
        wait_s = seconds_to_wait(scope, who, RESET_WINDOW_S)
        if wait_s is not None:
            raise Throttled(wait_s)


def _caller_of(request: HttpRequest) -> tuple[str, str]:
    device = device_of(request)
    return ("user", device.accounts[0]) if device else ("address", client_network(request))
