"""Static files have a fingerprint of their content in their name, and are then fresh for ever."""

import re
from typing import Any

import pytest
from django.templatetags.static import static
from django.test import Client

FILES = ("plaza/favicon.svg", "drf_spectacular_sidecar/swagger-ui-dist/swagger-ui.css")


@pytest.fixture(params=[True, False], ids=["looked up", "listed at the start"])
def client(request: Any, settings: Any) -> Client:
    settings.WHITENOISE_AUTOREFRESH = request.param
    return Client()


@pytest.mark.parametrize("name", FILES)
def test_the_fingerprinted_name_is_fresh_for_ever_and_the_plain_one_is_not(client: Client, name: str) -> None:
    address = static(name)
    stem, _, extension = name.rpartition(".")
    assert re.fullmatch(rf"/static/{re.escape(stem)}\.[0-9a-f]{{12}}\.{extension}", address)
    ours, plain = client.get(address), client.get(f"/static/{name}")
    assert (ours.status_code, plain.status_code) == (200, 200)
    assert ours.getvalue() == plain.getvalue()
    assert ours["Cache-Control"] == "max-age=315360000, public, immutable"
    assert plain["Cache-Control"] == "max-age=60, public"


def test_another_fingerprint_names_nothing(client: Client) -> None:
    assert client.get("/static/plaza/favicon.0123456789ab.svg").status_code == 404


def test_the_name_of_no_file_stays_as_it_is() -> None:
    assert static("plaza/nowhere.css") == "/static/plaza/nowhere.css"
    assert static("plaza") == "/static/plaza"
