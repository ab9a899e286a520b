"""What the tests of accounts share: types of fixtures, a good password, and a fast hasher."""

from collections.abc import Callable

from django.contrib.auth.hashers import Argon2PasswordHasher

from tests.support.service import ServiceClient
from users_project.users.models import User

PASSWORD = "correct-horse-7"

Client = Callable[..., ServiceClient]
Register = Callable[..., User]


class CheapArgon2PasswordHasher(Argon2PasswordHasher):
    """Argon2id with the lowest cost, because the suite hashes hundreds of passwords."""

    time_cost = 1
    memory_cost = 8
    parallelism = 1
