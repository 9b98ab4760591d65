"""Sending by Apprise: one service per target, each call in a thread of its own.

Apprise takes 45 MB, so that this module is imported in the process that sends, and nowhere else.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import apprise
from apprise.common import NotifyFormat, NotifyType, OverflowMode
from apprise.manager_plugins import NotificationManager

from ingest.nearest import nearest
from ingest.severity import Severity
from outbound.alerts.clean import clean_line
from outbound.alerts.messages import mark_uncertain
from outbound.alerts.model import AlertMessage, DeliveryKind
from outbound.senders import SendError
from outbound.senders.address import hide_secrets, url_address
from outbound.senders.apprise_log import note_warnings, silence_libraries
from outbound.senders.http_answers import HttpAnswers, note_answers
from outbound.senders.markdown import FORMATTING_SERVICES, escape_markdown
from outbound.senders.rate_limit import RateLimit
from outbound.senders.threads import Attempts, start_thread

CONNECT_S, READ_S = 10.0, 30.0  # Apprise's 4 s are too short for a service that is slow, not gone
CALL_S = 60.0  # of one attempt in all
LEAST_PAUSE_S = 0.1  # between two requests; Apprise holds back most services for 5.5 s
REASON = 200
MARKUP = re.compile(r"<(style|script).*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
MESSAGE_KEYS = tuple(
    "error_description errorDescription description message error errors detail reason".split()
)
# The service says that this very message cannot be taken; any other refusal may end by itself.
FINAL_STATUSES = (400, 413, 422)
# What makes a phone ring in the night: the priority of critical messages where the URL names none, by scheme.
URGENT: Final[Mapping[str, str | int]] = MappingProxyType(
    {"ntfy": "high", "ntfys": "high", "gotify": 8, "gotifys": 8, "pover": 1}
)
TYPES: Final = {
    Severity.CRITICAL: NotifyType.FAILURE,
    Severity.WARNING: NotifyType.WARNING,
    Severity.OK: NotifyType.INFO,
}

silence_libraries()


class _Asset(apprise.AppriseAsset):
    """Apprise's settings: our name, no pictures from elsewhere, no threads of its own."""

    app_id = app_desc = "Voltkeeper"
    app_url = image_url_mask = image_url_logo = ""
    async_mode = False
    _service_timeout = 0.0


class ServiceError(SendError):
    """A URL of which Apprise makes no service."""


@dataclass(frozen=True)
class _Outcome:
    """What Apprise and the service said of one call."""

    is_sent: bool
    answers: HttpAnswers
    warnings: list[str]


class AppriseSender:
    """Sends to the service of one Apprise URL. Raises ServiceError where Apprise knows none for it."""

    def __init__(self, url: str, call_s: float = CALL_S) -> None:
        self._url, self._call_s = url.strip(), call_s
        self.address = url_address(url)
        self._plugin = make_plugin(self._url)
        self._service = apprise.Apprise(asset=self._plugin.asset)
        self._service.add(self._plugin)
        scheme = self.address.partition("://")[0]
        self._urgent = None if "priority=" in url.lower() else URGENT.get(scheme)
        self._usual = getattr(self._plugin, "priority", None)
        self._formats = not FORMATTING_SERVICES.isdisjoint(self._plugin.schemas()) and (
            self._plugin.resolve_format(NotifyFormat.TEXT) == NotifyFormat.TEXT
        )  # with `?format=markdown` Apprise escapes
        self._limit = RateLimit()
        self._attempts = Attempts[_Outcome](call_s, lambda outcome: outcome.is_sent)

    async def send(self, message: AlertMessage, number: int | None = None) -> str:
        """Send; returns what the service answered. Raises SendError."""
        future = self._attempts.unfinished(message)
        if future is None:
            if (left_s := self._limit.left_s()) > 0:
                raise SendError(f"{self._host()}: it asks for a pause, of {left_s:.0f} s more (HTTP 429)")
            sent = message if number is None else mark_uncertain(message, number)
            future = start_thread(lambda: self._call(sent), f"send to {self.address}")
        try:
            outcome = await self._attempts.wait(message, future)
        except TimeoutError:
            raise SendError(f"no answer within {self._call_s:g} s; it may still arrive") from None
        except Exception as error:
            raise SendError(self._without_secrets(f"{type(error).__name__}: {error}")) from error
        self._limit.note(outcome.answers)
        if not outcome.is_sent:
            raise SendError(self._reason(outcome), outcome.answers.status in FINAL_STATUSES)
        return self._answer(outcome.answers) or "sent"

    def _call(self, message: AlertMessage) -> _Outcome:
        if self._urgent is not None:
            vars(self._plugin)["priority"] = self._urgent if is_urgent(message) else self._usual
        with note_answers() as answers, note_warnings() as warnings:
            is_sent = self._service.notify(
                body=self._as_shown(message.text),
                title=self._as_shown(message.title),
                notify_type=notify_type(message),
                body_format=NotifyFormat.TEXT,
            )
        return _Outcome(bool(is_sent) and not answers.is_lost, answers, warnings)

    def _as_shown(self, text: str) -> str:
        """The text as it has to be sent so that the service shows it unchanged."""
        return escape_markdown(text) if self._formats else text

    def _reason(self, outcome: _Outcome) -> str:
        answers = outcome.answers
        if answers.is_lost:
            return f"{self._host()}: it redirects to another address and loses the message: use that one"
        if answers.problem:
            return f"{self._host()}: {self._without_secrets(answers.problem)}"
        if answers.status is not None and not 200 <= answers.status < 300:
            return self._answer(answers)
        said = self._without_secrets(outcome.warnings[-1]) if outcome.warnings else "it gives no reason"
        return f"{self._host()}: {said}"

    def _answer(self, answers: HttpAnswers) -> str:
        """`HTTP 403 Forbidden: topic is reserved`."""
        if answers.status is None:
            return ""
        first = f"HTTP {answers.status} {clean_line(answers.phrase, 40)}".strip()
        text = self._without_secrets(body_text(answers))
        return f"{first}: {text}" if text and answers.status >= 300 else first

    def _without_secrets(self, text: str) -> str:
        return clean_line(hide_secrets(text, self._url), REASON)

    def _host(self) -> str:
        return self.address.partition("://")[2] or self.address.partition("://")[0]


WEBHOOKS = {"http": "json", "https": "jsons"}  # what an address of a program is written as


def make_plugin(url: str) -> apprise.NotifyBase:
    """The service of a URL. Raises ServiceError, without the URL in its text."""
    asset = _Asset()
    with note_warnings() as warnings:
        plugin = apprise.Apprise.instantiate(url, asset=asset)
    if not isinstance(plugin, apprise.NotifyBase):
        raise ServiceError(_not_understood(url, warnings), is_final=True)
    plugin.overflow_mode = OverflowMode.SPLIT
    plugin.request_rate_per_sec = min(plugin.request_rate_per_sec, LEAST_PAUSE_S)
    if plugin.socket_connect_timeout == apprise.URLBase.socket_connect_timeout:
        plugin.socket_connect_timeout = CONNECT_S
    if plugin.socket_read_timeout == apprise.URLBase.socket_read_timeout:
        plugin.socket_read_timeout = READ_S
    return plugin


def _not_understood(url: str, warnings: list[str]) -> str:
    scheme, _, rest = url.partition("://")
    known = _schemes()
    if not rest:
        return "is no Apprise URL: it has to begin with a service, such as ntfy://"
    if scheme.lower() not in known:
        said = nearest(scheme, known)
        guess = said if said.endswith("?") else "the list is at https://appriseit.com/services/"
        if scheme.lower() in WEBHOOKS:
            guess = f"for a webhook of your own write {WEBHOOKS[scheme.lower()]}:// in its place"
        return f"Apprise knows no service {clean_line(scheme, 20)}://: {guess}"
    said = clean_line(hide_secrets(warnings[-1], url), REASON) if warnings else ""
    return f"is no URL of the service {scheme}://: {said or 'a part of it is missing'}"


def _schemes() -> list[str]:
    """The schemes of all services."""
    return sorted(map(str, NotificationManager().schemas()))


def is_urgent(message: AlertMessage) -> bool:
    """Whether something critical begins or goes on."""
    return message.severity is Severity.CRITICAL and message.kind is not DeliveryKind.END


def notify_type(message: AlertMessage) -> NotifyType:
    """Apprise's type, which services show as a colour or a sign."""
    return NotifyType.SUCCESS if message.kind is DeliveryKind.END else TYPES[message.severity]


def body_text(answers: HttpAnswers) -> str:
    """What the body of an answer says: the message of a JSON one, the text of others, markup left out."""
    text = answers.body.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except ValueError:
        is_markup = "html" in answers.content_type or text.lstrip().startswith("<")
        return MARKUP.sub(" ", text) if is_markup else text
    return _message_of(value) or text


def _message_of(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        for key in MESSAGE_KEYS:
            if key in value and (found := _message_of(value[key])):
                return found
    if isinstance(value, list) and value:
        return _message_of(value[0])
    return ""
