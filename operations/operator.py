"""Reading what services keep for the operator alone, with tokens signed by the system's own keys."""

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import requests

from .errors import OperationError
from .layout import System

TOKEN_LIFETIME_S = 60
PAGE_SIZE = 100


class OperatorClient:
    """One service's audit pages. Every failure is an OperationError that names the service."""

    def __init__(self, system: System, service: str, base_url: str) -> None:
        self._service = service
        self._base_url = base_url.rstrip("/")
        self._key = _key(system, service)
        self._session = requests.Session()
        self._session.trust_env = False

    def rows(self, path: str) -> Iterator[dict[str, Any]]:
        """Every row of a list, page after page."""
        link: str | None = f"{path}?page_size={PAGE_SIZE}"
        while link:
            page = self._get(link)
            if page is None:
                raise OperationError(f"{self._service} has no {path}; is it of the same version?")
            yield from page["results"]
            link = page["next"]

    def row(self, path: str) -> dict[str, Any] | None:
        """One row, or None if there is no such."""
        return self._get(path)

    def _get(self, path: str) -> dict[str, Any] | None:
        now = int(time.time())
        claims = {"iss": "operator", "aud": self._service, "iat": now, "exp": now + TOKEN_LIFETIME_S, "is_staff": False}
        headers = {"Authorization": f"Bearer {jwt.encode(claims, self._key, 'HS256', {'kid': _key_id(self._key)})}"}
        try:
            answer = self._session.get(self._base_url + path, headers=headers, timeout=(2, 30), allow_redirects=False)
            if answer.status_code == 404:
                return None
            answer.raise_for_status()
            body: dict[str, Any] = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise OperationError(f"{self._service} can't be audited: {error}") from error
        return body


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
