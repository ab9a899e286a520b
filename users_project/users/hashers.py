"""How passwords are hashed."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2id(Argon2PasswordHasher):
    """OWASP's second recommendation for Argon2id: 19 MiB, two passes, one lane.

    Django's default uses 100 MiB and eight lanes for each hash. A burst of sign-ins would then use up the machine's
    memory and cores. Hashes with other parameters still work, and are replaced at the next sign-in.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1
