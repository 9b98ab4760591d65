"""The pause that a service asks for with status 429: services ban those who go on asking."""

import json
import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from outbound.senders.http_answers import HttpAnswers

TOO_MANY = 429
LEAST_S, LONGEST_S = 20.0, 900.0  # where the service does not say how long; at most


class RateLimit:
    """Until when one service wants no request. Seconds of the monotonic clock."""

    def __init__(self) -> None:
        self._until = float("-inf")

    def note(self, answers: HttpAnswers) -> None:
        """Take the answer to a request."""
        if answers.status == TOO_MANY:
            self._until = time.monotonic() + pause_s(answers, time.time())

    def left_s(self) -> float:
        """For how many seconds there is to be no request, 0 for none."""
        return max(0.0, self._until - time.monotonic())


def pause_s(answers: HttpAnswers, now: float) -> float:
    """The pause of an answer: its header Retry-After, or `retry_after` in its JSON; `now` is unix seconds."""
    asked = _of_header(answers.retry_after, now)
    asked = _of_body(answers.body) if asked is None else asked
    return LEAST_S if asked is None else min(max(asked, 1.0), LONGEST_S)


def _of_header(text: str, now: float) -> float | None:
    """Seconds, or a date of HTTP."""
    try:
        return _finite(float(text))
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None


def _of_body(body: bytes) -> float | None:
    """As Discord and Telegram say it."""
    try:
        value = json.loads(body)
    except ValueError:
        return None
    if not isinstance(value, Mapping):
        return None
    inner = value.get("parameters")
    for one in (value, inner if isinstance(inner, Mapping) else {}):
        seconds = one.get("retry_after")
        if isinstance(seconds, int | float) and not isinstance(seconds, bool):
            return _finite(float(seconds))
    return None


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None
