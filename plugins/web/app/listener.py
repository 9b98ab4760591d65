"""The socket that the site listens on, for a process that may run out of file descriptors."""

import errno
import os
import resource
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from plugins.web.app.connections import ClientLimits

BACKLOG = 128  # connections that wait to be accepted
WANTED_FILES = 4096  # descriptors, where the machine allows so many
OWN_FILES = 96  # of the database, its workers, logs and copies
FEWEST = 16  # connections
PAUSE_S = 0.01
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def limits_of_process() -> ClientLimits:
    """Limits with as many connections as the process has descriptors for, after asking for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < WANTED_FILES:
        with suppress(OSError, ValueError):  # it stays as it is
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, WANTED_FILES), hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    usual = ClientLimits()
    total = min(usual.total, max(FEWEST, soft - OWN_FILES))
    return ClientLimits(total=total, per_address=min(usual.per_address, total // 2))


class Listener(socket.socket):
    """A listening socket that refuses a connection where no descriptor is left for it.

    asyncio would log an error for each of them, and each again a second later. One descriptor is held back
    to accept with it and close.
    """

    _spare: int | None = None
    _on_refused: Callable[[str], None]

    @classmethod
    def at(cls, host: str, port: int, on_refused: Callable[[str], None]) -> "Listener":
        """Listen; `on_refused` is called with each address that is refused. Raises OSError."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        plain = socket.create_server((host, port), family=family, backlog=BACKLOG)
        listener = cls(fileno=plain.detach())
        listener._on_refused = on_refused
        listener._spare = os.open(os.devnull, os.O_RDONLY)
        return listener

    def accept(self) -> tuple[socket.socket, object]:
        """As that of a socket. Raises BlockingIOError for a connection that was refused."""
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in EXHAUSTED:
                raise
            self._refuse()
            raise BlockingIOError(errno.EAGAIN, "no descriptor is left") from error

    def _refuse(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None
        try:
            connection, address = super().accept()
        except OSError:
            time.sleep(PAUSE_S)  # other threads took the descriptor: without a pause the loop spins
        else:
            connection.close()
            self._on_refused(address[0])
        with suppress(OSError):
            self._spare = os.open(os.devnull, os.O_RDONLY)
