"""The systems that tests share: started side by side, when a collected test asks for them, and stopped likewise."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pytest_httpserver import HTTPServer

from tests.system.client import Client
from tests.system.plaza import WITHOUT_THROTTLES, System


@pytest.fixture(scope="session")
def systems(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, System]]:
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    environments = {"system": WITHOUT_THROTTLES, "fragile": WITHOUT_THROTTLES, "deceived": {}}
    if "deceived" in wanted:
        environments["deceived"] = {"PRODUCTS_URL": request.getfixturevalue("impostor").url_for("")}
    made = {
        name: System(tmp_path_factory.mktemp(name) / "data", **environment)
        for name, environment in environments.items()
        if name in wanted
    }
    with ThreadPoolExecutor(len(made)) as pool:
        try:
            list(pool.map(System.up, made.values()))
            yield made
        finally:
            list(pool.map(System.down, made.values()))


@pytest.fixture(scope="session")
def system(systems: dict[str, System]) -> System:
    """For all who don't hurt it. Its throttles are off, since a whole suite comes from one address."""
    return systems["system"]


@pytest.fixture(scope="session")
def fragile(systems: dict[str, System]) -> System:
    """For those who kill and freeze its processes, and leave it healthy."""
    return systems["fragile"]


@pytest.fixture(scope="session")
def deceived(systems: dict[str, System]) -> System:
    """Its products service is the test's own; its throttles are as they come."""
    return systems["deceived"]


@pytest.fixture(scope="session")
def impostor() -> Iterator[HTTPServer]:
    """What stands where the products service should."""
    with HTTPServer(host="127.0.0.1", threaded=True) as server:
        yield server


@pytest.fixture(scope="session")
def staff(system: System) -> Client:
    return system.staff()


@pytest.fixture(scope="session")
def customer(system: System) -> Client:
    return system.customer()


@pytest.fixture(scope="session")
def stranger(system: System) -> Client:
    """Another customer."""
    return system.customer()


@pytest.fixture
def nobody(system: System) -> Iterator[Client]:
    client = system.client()
    yield client
    client.close()
