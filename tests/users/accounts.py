"""What the tests of accounts name: the fixtures' types, one good password, and a hasher that doesn't take long."""

from collections.abc import Callable

from django.contrib.auth.hashers import Argon2PasswordHasher

from tests.service import ServiceClient
from users_project.users.models import User

PASSWORD = "correct-horse-7"

Client = Callable[..., ServiceClient]
Register = Callable[..., User]


class CheapArgon2PasswordHasher(Argon2PasswordHasher):
    """Argon2id as cheap as it goes: the suite hashes hundreds of passwords."""

    time_cost = 1
    memory_cost = 8
    parallelism = 1
