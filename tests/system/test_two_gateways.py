"""Two gateway processes in front of the same services and with the same database."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from operations.layout import LOOPBACK, OWNER_VARIABLE
from tests.support.http import Client, assert_no_content, problem, succeeded
from tests.support.plaza import CUSTOMER_PASSWORD, Plaza, eventually, free_ports

SEEN_WITHIN_S = 3.0  # half a second is promised; a process that looks every five would rarely keep this three times


@pytest.fixture(scope="module")
def other_url(plaza: Plaza) -> Iterator[str]:
    """Where the second gateway is."""
    port = free_ports(1)
    manage = str(plaza.root / "gateway_project/manage.py")
    services = {f"{name.upper()}_URL": plaza.url(name) for name in ("users", "products", "orders")}
    environment = {
        **plaza.environment,
        **services,
        "PLAZA_DATA_DIR": str(plaza.data_dir),
        OWNER_VARIABLE: str(plaza.data_dir),
    }
    url = f"http://{LOOPBACK}:{port}"
    command = [plaza.python, manage, "serve", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            eventually(lambda: is_ready(url), timeout_s=120)
            yield url
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/health/ready", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def sign_out(client: Client) -> None:
    assert_no_content(client.post("/api/auth/logout/", {"refresh": client.refresh}))


def sign_out_everywhere(client: Client) -> None:
    assert_no_content(client.delete("/api/auth/sessions/"))


def change_the_password(client: Client) -> None:
    other = Client(client.base_url).signed_in(client.user["username"], CUSTOMER_PASSWORD)
    body = {"current_password": CUSTOMER_PASSWORD, "new_password": "lantern-of-the-north"}
    assert_no_content(other.post("/api/users/me/password/", body))
    other.close()


@pytest.mark.parametrize("end", [sign_out, sign_out_everywhere, change_the_password])
def test_a_session_that_one_ends_is_over_at_the_other(
    plaza: Plaza, other_url: str, end: Callable[[Client], None]
) -> None:
    client = plaza.customer()
    there = Client(other_url)
    there.access = client.access
    succeeded(there.get("/api/users/me/"))
    end(client)
    ended_at = time.monotonic()
    while (answer := there.get("/api/users/me/")).status_code == 200:
        assert time.monotonic() < ended_at + SEEN_WITHIN_S
    problem(answer, 401, "session-ended")
    there.close()


def test_a_refresh_token_works_once_at_either(plaza: Plaza, other_url: str) -> None:
    client = plaza.customer()
    there = Client(other_url)
    body = {"refresh": client.refresh}
    succeeded(client.renew())
    problem(there.post("/api/auth/token/refresh/", body), 401, "token-spent")
    there.close()
