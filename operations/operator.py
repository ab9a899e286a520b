"""Reads the pages that services keep for the operator only, with tokens signed by the system's own keys.

A service is where its variable says, for example ORDERS_URL, else on this machine. A key is in its variable, say
PLAZA_SECRET_OPERATOR_ORDERS, in the file that PLAZA_SECRET_OPERATOR_ORDERS_FILE names, or among the system's secrets.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jwt
import requests

from .console import OperationError
from .layout import Service, System

TOKEN_LIFETIME_S = 60
TIMEOUTS_S = (2, 90)  # to connect; and to read, which is longer than a service lets a statement of an audit take
PATIENCE_S = 8.0  # a service that has ended is started again, or another one takes its place
PAUSE_S = 0.5

Row = dict[str, Any]


class OperatorClient:
    """One service's audit pages. Every failure is an OperationError that names the service."""

    def __init__(self, system: System, service: Service, first_port: int) -> None:
        self._service = service.name
        self._url = system.environment(first_port)[service.url_variable].rstrip("/")
        self._key = _key(system, service.name)
        self._session = requests.Session()
        self._session.trust_env = False

    def rows(self, path: str) -> Iterator[Row]:
        """Every row of a list, page after page. While one is worked on, the next is being read."""
        with ThreadPoolExecutor(1) as reader:
            following: Future[Row] | None = reader.submit(self._page, path)
            while following:
                page = following.result()
                following = reader.submit(self._page, page["next"]) if page["next"] else None
                yield from page["results"]

    def row(self, path: str) -> Row | None:
        """One row, or None if it doesn't exist."""
        return self._get(path)

    def delete(self, path: str) -> None:
        """What isn't there any more is deleted."""
        self._get(path, "DELETE")

    def _page(self, path: str) -> Row:
        page = self._get(path)
        if page is None:
            raise OperationError(f"{self._service} has no {path}; is it of the same version?")
        return page

    def _get(self, path: str, method: str = "GET") -> Row | None:
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self._ask(path, method)
            except requests.ConnectionError as error:
                if time.monotonic() > give_up_at:
                    raise OperationError(f"{self._service} can't be audited: {self._url} doesn't answer.") from error
            except (requests.RequestException, ValueError) as error:
                raise OperationError(f"{self._service} can't be audited: {error}") from error
            time.sleep(PAUSE_S)

    def _ask(self, path: str, method: str) -> Row | None:
        headers = {"Authorization": f"Bearer {self._token()}"}
        url = self._url + path
        answer = self._session.request(method, url, headers=headers, timeout=TIMEOUTS_S, allow_redirects=False)
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        if answer.status_code == 204:
            return None
        body: Row = answer.json()
        return body

    def _token(self) -> str:
        now = int(time.time())
        claims = {"iss": "operator", "aud": self._service, "iat": now, "exp": now + TOKEN_LIFETIME_S, "is_staff": False}
        return jwt.encode(claims, self._key, "HS256", {"kid": _key_id(self._key)})


def _key_id(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _key(system: System, service: str) -> str:
    variable = f"PLAZA_SECRET_OPERATOR_{service.upper()}"
    handed_in = os.environ.get(variable)
    path = Path(os.environ.get(f"{variable}_FILE") or system.base / "secrets" / f"operator-{service}")
    try:
        return (handed_in or path.read_text().strip()).splitlines()[0]
    except OSError as error:
        raise OperationError(
            f"The operator's key for {service} can't be read ({error}); name the running system's --data-dir."
        ) from error
