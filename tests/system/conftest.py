"""The Plazas that tests share. Those that the collected tests ask for start and stop side by side."""

from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer

from tests.support.http import Client
from tests.support.plaza import WITHOUT_THROTTLES, Plaza
from tests.support.properties import load_profile_of_requests
from tests.support.threads import at_once
from tests.support.wire import Sender
from tests.system.visits import browser, visit  # noqa: F401 - fixtures

load_profile_of_requests()


@pytest.fixture(scope="session")
def plazas(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Plaza]]:
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    environments = {"plaza": WITHOUT_THROTTLES, "fragile": WITHOUT_THROTTLES, "deceived": {}}
    if "deceived" in wanted:
        environments["deceived"] = {"PRODUCTS_URL": request.getfixturevalue("impostor").url_for("")}
    made = {
        name: Plaza(tmp_path_factory.mktemp(name) / "data", **environment)
        for name, environment in environments.items()
        if name in wanted
    }
    try:
        at_once([plaza.up for plaza in made.values()])
        yield made
    finally:
        at_once([plaza.down for plaza in made.values()])


@pytest.fixture(scope="session")
def plaza(plazas: dict[str, Plaza]) -> Plaza:
    """For tests that break nothing. It has no throttles, because the whole suite comes from one address."""
    return plazas["plaza"]


@pytest.fixture(scope="session")
def fragile(plazas: dict[str, Plaza]) -> Plaza:
    """For tests that kill or freeze its processes. They leave it healthy."""
    return plazas["fragile"]


@pytest.fixture(scope="session")
def deceived(plazas: dict[str, Plaza]) -> Plaza:
    """Its products service is played by the test. Its throttles have their default limits."""
    return plazas["deceived"]


@pytest.fixture(scope="session")
def impostor() -> Iterator[HTTPServer]:
    """The server that takes the place of the products service."""
    with HTTPServer(host="127.0.0.1", threaded=True) as server:
        yield server


@pytest.fixture(scope="session")
def staff(plaza: Plaza) -> Client:
    return plaza.staff()


@pytest.fixture(scope="session")
def customer(plaza: Plaza) -> Client:
    return plaza.customer()


@pytest.fixture(scope="session")
def stranger(plaza: Plaza) -> Client:
    """Another customer."""
    return plaza.customer()


@pytest.fixture
def nobody(plaza: Plaza) -> Iterator[Client]:
    """A client that is not signed in."""
    client = plaza.client()
    yield client
    client.close()


@pytest.fixture(scope="session")
def send(plaza: Plaza, staff: Client) -> Sender:
    """Raw requests of staff, who are allowed most."""
    return Sender(plaza.port, staff)
