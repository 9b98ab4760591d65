"""Options of a TCP connection to a gateway, whoever opened it: the kernel notices a dead peer in 25 s."""

import socket

KEEPALIVE_OPTIONS = (
    (socket.TCP_NODELAY, 1),
    (socket.TCP_KEEPIDLE, 10),
    (socket.TCP_KEEPINTVL, 5),
    (socket.TCP_KEEPCNT, 3),
    # Without this one a question that was sent to a dead peer is retransmitted for a quarter of an hour.
    (socket.TCP_USER_TIMEOUT, 25_000),  # milliseconds
)


def guard_connection(connection: socket.socket) -> None:
    """Have the kernel notice a dead peer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE_OPTIONS:
        connection.setsockopt(socket.IPPROTO_TCP, option, value)
