from collections.abc import Callable

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given, strategies as st

from common import origins
from common.databases import databases
from common.origins import allowed_hosts, base_url, env_base_url, env_hosts, env_origin, env_origins, host, origin

NORMALIZED = {
    "https://shop.example": "https://shop.example",
    "https://shop.example/": "https://shop.example",
    "HTTPS://Shop.Example:443": "https://shop.example",
    "http://shop.example:80/": "http://shop.example",
    "http://shop.example:443": "http://shop.example:443",
    "https://shop.example:": "https://shop.example",
    "https://shop.example.": "https://shop.example",
    "https://straße.example": "https://xn--strae-oqa.example",
    "https://café.example:8443": "https://xn--caf-dma.example:8443",
    "http://127.0.0.1:8000": "http://127.0.0.1:8000",
    "http://[::1]:8000": "http://[::1]:8000",
    "http://[FD00:0:0::7]": "http://[fd00::7]",
    "http://my_shop:8000": "http://my_shop:8000",
}
NO_ORIGINS = [
    "shop.example",
    "//shop.example",
    "shop.example:8000",
    "ftp://shop.example",
    "javascript://shop.example",
    "https://",
    "https://:8000",
    "https:/shop.example",
    "https://shop.example/shop",
    "https://shop.example//",
    "https://shop.example?",
    "https://shop.example/?a=b",
    "https://shop.example#",
    "https://ada@shop.example",
    "https://ada:secret@shop.example",
    "https://@shop.example",
    "https://shop.example:port",
    "https://shop.example:0",
    "https://shop.example:65536",
    "https://shop.example:-1",
    "https://shop example",
    "https://shop\t.example",
    "https://shop.example\\@evil.example",
    "https://shop..example",
    "https://-shop.example",
    "https://shop-.example",
    "https://*.example",
    "https://1.2.3",
    "https://1.2.3.4.5",
    "https://256.1.1.1",
    "https://[::1",
    "https://²",
    "https://１.２.３",
    "https://[shop.example]",
    "https://" + "a" * 64 + ".example",
    "https://a,https://b",
]
URL_VARIABLES: dict[str, Callable[[], object]] = {
    "PUBLIC_URL": lambda: env_origin("PUBLIC_URL", "http://127.0.0.1:8000"),
    "USERS_URL": lambda: env_base_url("USERS_URL", "http://127.0.0.1:8001"),
    "CORS_ALLOWED_ORIGINS": lambda: env_origins("CORS_ALLOWED_ORIGINS"),
}


@pytest.mark.parametrize("text", NORMALIZED)
def test_what_has_one_meaning_is_normalized(text: str) -> None:
    assert origin(text) == base_url(text) == NORMALIZED[text]
    assert origin(NORMALIZED[text]) == NORMALIZED[text]


@pytest.mark.parametrize("text", NO_ORIGINS)
def test_anything_else_is_no_origin(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        origin(text)


def test_a_base_url_may_have_a_path() -> None:
    assert base_url("HTTP://Inner.example/users/") == "http://inner.example/users"
    for text in ("http://inner.example/users?a", "http://inner.example/users#", "inner.example/users"):
        with pytest.raises(ValueError, match=r"\w"):
            base_url(text)


@pytest.mark.parametrize("name", URL_VARIABLES)
def test_a_refusal_names_the_variable_and_the_mend(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "shop.example")
    with pytest.raises(ImproperlyConfigured, match=rf"^{name} is 'shop\.example': .* It takes .*, as in http"):
        URL_VARIABLES[name]()


def test_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env_origin("PUBLIC_URL", "http://127.0.0.1:8000") == "http://127.0.0.1:8000"
    monkeypatch.setenv("PUBLIC_URL", " HTTPS://Shop.example/ ")
    assert env_origin("PUBLIC_URL", "") == "https://shop.example"
    assert env_origins("CORS_ALLOWED_ORIGINS") == []
    monkeypatch.setenv("CORS_ALLOWED_ORIGINS", "https://App.example/, http://localhost:3000")
    assert env_origins("CORS_ALLOWED_ORIGINS") == ["https://app.example", "http://localhost:3000"]


@pytest.mark.parametrize("text", ["mysql://secret@host/name", "host:5432", "postgresql:", "postgresql://", "://x"])
def test_a_servers_url_is_refused_without_repeating_it(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USERS_DATABASE_URL", text)
    with pytest.raises(ImproperlyConfigured, match=r"^USERS_DATABASE_URL takes .* postgresql://, as in ") as refused:
        databases("users_project", durable=True)
    assert "secret" not in str(refused.value)


def test_hosts_have_neither_scheme_nor_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", "Shop.example,.Shop.example,*,10.0.0.7,[FD00::7],fd00::8,café.example.")
    names = ["shop.example", ".shop.example", "*", "10.0.0.7", "[fd00::7]", "[fd00::8]", "xn--caf-dma.example"]
    assert env_hosts("ALLOWED_HOSTS") == names
    assert allowed_hosts("also") == [*names, "also", "127.0.0.1", "localhost", "[::1]"]
    for wrong in ("https://shop.example", "shop.example:8000", "shop.example/", "*.shop.example", "10.0.0.0/8", "a b"):
        monkeypatch.setenv("ALLOWED_HOSTS", wrong)
        with pytest.raises(ImproperlyConfigured, match=r"^ALLOWED_HOSTS is .* without scheme or port"):
            env_hosts("ALLOWED_HOSTS")


@given(st.text(max_size=60) | st.text(alphabet="htps:/.@[]?#\\ a1-", max_size=40))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    for read in (origin, base_url, host):
        try:
            normalized = read(text)
        except ValueError:
            continue
        assert normalized.isascii()
        assert read(normalized) == normalized
    assert origins.DEFAULT_PORTS == {"http": 80, "https": 443}
