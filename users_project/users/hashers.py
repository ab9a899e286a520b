"""How passwords are hashed."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2id(Argon2PasswordHasher):
    """OWASP's second choice for Argon2id: 19 MiB, two passes, one lane.

    Django's default takes 100 MiB and eight lanes a hash, so that a burst of sign-ins would take the machine's memory
    and cores from everybody else. Hashes made with other numbers keep working, and are renewed at the next sign-in.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1
