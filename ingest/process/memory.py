"""How much memory the C library keeps for itself: of glibc, others have no such settings."""

import ctypes
from contextlib import suppress

# <malloc.h>
M_MMAP_THRESHOLD = -3
M_ARENA_MAX = -8
BIG = 128 * 1024  # bytes


def keep_little() -> None:
    """Have one heap for all threads, and give back what is BIG as soon as it is free.

    By itself, glibc makes a heap for each thread, and each keeps what its thread once needed.
    """
    with suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_ARENA_MAX, 1)
        mallopt(M_MMAP_THRESHOLD, BIG)
