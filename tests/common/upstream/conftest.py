import ssl

import pytest


@pytest.fixture(scope="session")
def context_of_the_machine() -> ssl.SSLContext:
    return ssl.create_default_context()


@pytest.fixture(autouse=True)
def trust(monkeypatch: pytest.MonkeyPatch, context_of_the_machine: ssl.SSLContext) -> None:
    """The machine's certificates, loaded once instead of for each transport."""
    monkeypatch.setattr(ssl, "create_default_context", lambda: context_of_the_machine)
