"""The byte of each source of UPSes in the lock file: one reader at a time holds it."""

from zlib import crc32

FIRST_OFFSET = 1 << 20  # behind the bytes of gateways, which are their numbers


def lock_offset(name: str) -> int:
    """The offset of the source of that name."""
    return FIRST_OFFSET + crc32(name.encode())
