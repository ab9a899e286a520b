"""Devices by the names that people know."""

import pytest

from gateway_project.site.devices import device_name

MOZILLA = "Mozilla/5.0"
ENGINE = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        (f"{MOZILLA} (X11; Linux x86_64) {ENGINE} Chrome/150.0 Safari/537.36", "Chrome on Linux"),
        (f"{MOZILLA} (Windows NT 10.0; Win64) {ENGINE} Chrome/150.0 Safari/537.36 Edg/150.0", "Edge on Windows"),
        (f"{MOZILLA} (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Windows"),
        (f"{MOZILLA} (Linux; Android 16) {ENGINE} Chrome/150.0 Mobile Safari/537.36", "Chrome on Android"),
        (f"{MOZILLA} (iPhone; CPU iPhone OS 19_0 like Mac OS X) {ENGINE} Version/19 Safari/604", "Safari on iPhone"),
        (f"{MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) {ENGINE} Version/19 Safari/605", "Safari on macOS"),
        ("Firefox", "Firefox"),
        ("python-requests/2.34.2", "python-requests"),
        ("curl/8.14", "curl"),
        ("x" * 300, "x" * 40),
        ("", "Unknown device"),
    ],
)
def test_a_device_has_the_name_that_people_know(user_agent: str, expected: str) -> None:
    assert device_name(user_agent) == expected
