"""How the C library keeps memory that the process has given back.

By default glibc has an arena for each thread, up to eight for each core, and an arena seldom gives anything back. The
blocks of Argon2 (19 MiB) stayed in four of them, 80 MB of a service that rested.
"""

import ctypes

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # mallopt(3)
ARENAS = 2  # Python's threads take turns anyway
LARGE_BYTES = 1024 * 1024  # a block of this size goes back to the system as soon as it is free


def keep_little() -> None:
    """For this process, from now on. Other C libraries than glibc stay as they are."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
