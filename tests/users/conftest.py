from typing import Any

import pytest

from tests.support.properties import load_profile
from tests.support.service import ServiceClient, client_for
from tests.users.accounts import PASSWORD, Client, Register
from users_project.users.models import User
from users_project.users.services import register_user

load_profile()


@pytest.fixture(autouse=True)
def _cheap_hashes(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["tests.users.accounts.CheapArgon2PasswordHasher"]


@pytest.fixture
def client() -> Client:
    """`client(user)` calls as the gateway, on behalf of that user."""

    def make(user: User | None = None, **claims: Any) -> ServiceClient:
        if user is None:
            return client_for(**claims)
        return client_for(user.pk, **{"is_staff": user.is_staff, **claims})

    return make


@pytest.fixture
def register(db: None) -> Register:
    def make(username: str, **fields: Any) -> User:
        return register_user(**{"username": username, "email": f"{username}@x.example", "password": PASSWORD, **fields})

    return make


@pytest.fixture
def ada(register: Register) -> User:
    return register("ada", first_name="Ada", last_name="Lovelace")


@pytest.fixture
def grace(register: Register) -> User:
    """The only staff account."""
    return register("grace", is_staff=True)
