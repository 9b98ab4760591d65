"""Connecting to a NUT server in order to read: a user that it refuses is no reason not to."""

import logging
from collections.abc import Callable
from typing import NamedTuple

from ingest.nut.client import NutClient
from ingest.nut.errors import NutError
from ingest.nut.settings import ServerSettings

log = logging.getLogger(__name__)


class Reading(NamedTuple):
    """A connection that can be read, and how the server refused the user, where it did."""

    client: NutClient
    version: str
    refusal: NutError | None


def connect_for_reading(
    server: ServerSettings,
    timeout: float,
    register: Callable[[NutClient], object] = lambda client: None,
    user_was_taken: bool = False,
) -> Reading:
    """Connect; `register` gets each client before it connects. Raises NutError.

    Some servers end the connection or say nothing at a USERNAME: unless `user_was_taken` before, a second
    connection without one shows whether that is it.
    """
    client = _new_client(server, timeout, with_user=True)
    try:
        return Reading(client, _begin(client, register), client.user_refusal)
    except NutError:
        client.close()
        refusal = client.user_refusal
        if refusal is None or user_was_taken:
            raise
    client = _new_client(server, timeout, with_user=False)
    try:
        return Reading(client, _begin(client, register), refusal)
    except NutError:
        client.close()
        raise


def _new_client(server: ServerSettings, timeout: float, with_user: bool) -> NutClient:
    return NutClient(
        server.host,
        server.port,
        server.username if with_user else None,
        server.password if with_user else None,
        timeout=timeout,
        connect=False,
        needs_user=False,
        tls=server.tls,
    )


def _begin(client: NutClient, register: Callable[[NutClient], object]) -> str:
    """Connect and return what the server says of its version, '' where it does not."""
    register(client)
    client.connect()
    try:
        return client.ver().strip()
    except NutError as error:
        if not error.answered:
            raise
        log.debug("%s refuses to name its version: %s", client.server, error)
        return ""


def user_problem(error: NutError, server: str, user: str) -> str:
    """Return what it means that a server refuses a user and can be read all the same.

    An error without an answer: the server took the user, who has no right there.
    """
    if error.outcome == "denied" and not error.raw:
        return (
            f"denied: {server} refuses the user {user}: wrong password, or no right at all in upsd.users; "
            "reading goes on without it"
        )
    if error.outcome == "denied":
        return f"denied: {error.message}; reading goes on without the user {user}"
    answer = f"answers {error.raw} to it" if error.answered else "does not answer to it, or hangs up"
    return (
        f"{error.outcome}: {server} takes no user ({user}: it {answer}); reading goes on without: take "
        "username and password out of the config"
    )
