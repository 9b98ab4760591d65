"""What HTTP servers answered to requests of this thread, by whatever library asked with `requests`.

Apprise's plug-ins only say whether they succeeded, and log texts of their own. Their requests all pass
through `requests.Session.send`.
"""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import requests
import urllib3

from outbound.senders.connection_errors import describe_connection_error

MAY_HAVE = "; the message may have arrived"
LONGEST, BODY_S = 1_048_576, 5.0  # bytes of a body that are read, and for how long: the status says all
CHUNK = 64  # bytes between two looks at the time; a read waits until all of them are there


@dataclass
class HttpAnswers:
    """Of the last request: status, body and some headers, or why there was no answer.

    `is_lost`: it was redirected in a way that leaves out what it carried.
    """

    status: int | None = None
    phrase: str = ""
    body: bytes = b""
    content_type: str = ""
    retry_after: str = ""
    problem: str = ""
    is_lost: bool = False


_local = threading.local()
_original_send = requests.Session.send


@contextmanager
def note_answers() -> Iterator[HttpAnswers]:
    """Note the answers to all requests that this thread makes inside."""
    _local.answers = answers = HttpAnswers()
    try:
        yield answers
    finally:
        _local.answers = None


def _send(
    session: requests.Session, request: requests.PreparedRequest, **options: object
) -> requests.Response:
    """`Session.send`; inside `note_answers` it notes the answer, of which it reads LONGEST bytes."""
    answers: HttpAnswers | None = getattr(_local, "answers", None)
    if answers is None:
        return _original_send(session, request, **options)
    answers.status, answers.body, answers.problem = None, b"", ""
    try:
        response = _original_send(session, request, **{**options, "stream": True})
        _read_start(response)
    except requests.RequestException as error:
        answers.problem = describe_failure(error)
        raise
    answers.status, answers.phrase = response.status_code, response.reason or ""
    answers.is_lost = answers.is_lost or (request.method != "GET" and response.request.method == "GET")
    answers.body = cast(bytes, response.content)
    answers.content_type = response.headers.get("Content-Type", "")
    answers.retry_after = response.headers.get("Retry-After", "")
    return response


def _read_start(response: requests.Response) -> None:
    """Read as much of the body as counts; what a server sends beyond that is left to the connection."""
    if getattr(response, "_content_consumed", False):
        return
    chunks: list[bytes] = []
    size, until = 0, time.monotonic() + BODY_S
    for chunk in response.iter_content(CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size >= LONGEST or time.monotonic() > until:
            break
    response._content = b"".join(chunks)[:LONGEST]
    response._content_consumed = True
    response.close()


requests.Session.send = _send  # type: ignore[method-assign,assignment]  # for all plug-ins of Apprise


# The address of a target is one of HTTP: only a redirect leads to another kind.
PLAIN_FAILURES: tuple[tuple[type[requests.RequestException], str], ...] = (
    (requests.TooManyRedirects, "it redirects again and again"),
    (requests.exceptions.InvalidSchema, "it redirects to an address that is not one of HTTP"),
    (requests.exceptions.MissingSchema, "it redirects to an address that is not one of HTTP"),
    (requests.exceptions.InvalidURL, "it redirects to an address that cannot be read"),
    (requests.exceptions.ContentDecodingError, "its answer is not compressed as it says"),
)


def describe_failure(error: BaseException) -> str:
    """Why there was no answer, in a few words, without the address: that may hold a secret."""
    for kind, text in PLAIN_FAILURES:
        if isinstance(error, kind):
            return text
    found = (text for cause in _causes(error) if (text := _describe_cause(cause)))
    return next(found, type(error).__name__)


def _describe_cause(cause: BaseException) -> str:
    """What one of the errors behind another says; '' where it says nothing."""
    if isinstance(cause, urllib3.exceptions.ConnectTimeoutError):
        return "no connection within the time limit"
    if isinstance(cause, TimeoutError | urllib3.exceptions.ReadTimeoutError):
        return f"no answer within the time limit{MAY_HAVE}"
    if isinstance(cause, http.client.RemoteDisconnected | http.client.IncompleteRead):
        return f"the connection was closed before the answer was there{MAY_HAVE}"
    if isinstance(cause, http.client.HTTPException):
        return "what answers there does not speak HTTP"
    if isinstance(cause, ConnectionResetError | BrokenPipeError):
        return f"the connection was closed{MAY_HAVE}"
    if isinstance(cause, requests.RequestException):  # an OSError too, whose text has the address
        return ""
    return describe_connection_error(cause)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """What is behind an error, the innermost first."""
    chain: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(chain) < 20:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in chain:
            chain.append(one)
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return reversed(chain)
