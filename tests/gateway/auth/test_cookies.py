"""On https every cookie is Secure and carries the __Host- prefix; the settings are read at the start of a process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]

SCRIPT = """
import json
from django.conf import settings
from django.http import HttpResponse
from django.test import Client, RequestFactory
from gateway_project.auth.cookies import clear_tokens, set_tokens
from gateway_project.auth.devices import remember_device
from gateway_project.auth.tokens import TokenPair

settings.REVOCATION_POLL_S = 0
set_, cleared = HttpResponse(), HttpResponse()
set_tokens(set_, TokenPair("a", "r"))
clear_tokens(cleared)
device = HttpResponse()
remember_device(RequestFactory().get("/"), device, "ada")
host = {"Host": settings.ALLOWED_HOSTS[0]}
browser = Client(enforce_csrf_checks=True)
page = browser.get("/login/", headers=host)

def sign_in(**headers):
    token = {"X-CSRFToken": page.cookies[settings.CSRF_COOKIE_NAME].value}
    return browser.post("/login/", headers=host | token | headers).status_code

print(json.dumps({
    "set": {name: dict(cookie) for name, cookie in set_.cookies.items()},
    "cleared": {name: dict(cookie) for name, cookie in cleared.cookies.items()},
    "device": {name: dict(cookie) for name, cookie in device.cookies.items()},
    "page": {name: dict(cookie) for name, cookie in page.cookies.items()},
    "same origin": [
        sign_in(Origin="https://shop.example"), sign_in(Referer="https://shop.example/login/"),
    ],
    "other origin": [
        sign_in(Origin="http://shop.example"), sign_in(Origin="https://evil.example"), sign_in(Origin="null"),
        sign_in(Referer="https://evil.example/"), sign_in(Referer="http://shop.example/login/"), sign_in(),
    ],
    "hsts": page.get("Strict-Transport-Security"),
    "trusted": settings.CSRF_TRUSTED_ORIGINS,
}))
"""


@pytest.fixture(scope="module")
def on_https(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a gateway says whose PUBLIC_URL is on https."""
    environment = os.environ | {
        "PUBLIC_URL": "https://shop.example",
        "PLAZA_DATA_DIR": str(tmp_path_factory.mktemp("https")),
    }
    command = [
        sys.executable,
        str(ROOT / "gateway_project" / "manage.py"),
        "shell",
        "--no-imports",
        "--command",
        SCRIPT,
    ]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout.splitlines()[-1])


def test_the_tokens_cookies_are_bound_to_the_host_and_to_https(on_https: Any) -> None:
    assert set(on_https["set"]) == {"__Host-plaza_access", "__Host-plaza_refresh"}
    for cookie in on_https["set"].values():
        assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax")
        assert (cookie["path"], cookie["domain"]) == ("/", "")  # or no browser takes a __Host- cookie


def test_cookies_are_cleared_as_they_were_set(on_https: Any) -> None:
    assert set(on_https["cleared"]) == set(on_https["set"])
    for cookie in on_https["cleared"].values():
        assert (cookie["secure"], cookie["path"], cookie["max-age"]) == (True, "/", 0)


def test_the_cookie_that_knows_a_browser_is_bound_in_the_same_way(on_https: Any) -> None:
    [(name, cookie)] = on_https["device"].items()
    assert name == "__Host-plaza_device"
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax")
    assert (cookie["path"], cookie["domain"]) == ("/", "")


def test_the_csrf_cookie_is_secure_too(on_https: Any) -> None:
    [(name, cookie)] = on_https["page"].items()
    assert name == "__Host-plaza_csrf"
    assert (cookie["secure"], cookie["samesite"], cookie["path"], cookie["domain"]) == (True, "Lax", "/", "")


def test_browsers_are_told_to_stay_on_https(on_https: Any) -> None:
    assert on_https["hsts"] == "max-age=31536000"
    assert on_https["trusted"] == ["https://shop.example"]


def test_only_a_form_of_the_same_origin_signs_in(on_https: Any) -> None:
    """The name and the password are missing, so the page is shown again, with 401."""
    assert on_https["same origin"] == [401, 401]
    assert on_https["other origin"] == [403] * 6


def test_on_http_there_is_neither_prefix_nor_hsts(anonymous: Any) -> None:
    response = anonymous.get("/login/")
    assert set(response.cookies) == {"plaza_csrf"}
    assert response.cookies["plaza_csrf"]["secure"] == ""
    assert "Strict-Transport-Security" not in response
