"""Sending by Apprise to real HTTP servers: what they answer is the reason, and no secret is in it."""

import asyncio
import io
import logging
import socket
import time
from dataclasses import replace
from typing import ClassVar

import apprise
import pytest
from apprise.decorators import notify
from apprise.manager_plugins import NotificationManager

from ingest.severity import Severity
from outbound.alerts.model import AlertMessage, DeliveryKind
from outbound.senders import SendError, http_answers
from outbound.senders.apprise import AppriseSender, ServiceError, notify_type
from tests.ingest.nut.certificates import Authority
from tests.outbound.senders.http_receiver import receiving

SECRET = "topsecrettoken"
MESSAGE = AlertMessage(
    "Rack: on battery, 23 min left",
    "Rack (rack@closet): on battery <b>&amp;\nhttps://volt.example.org/ups/rack@closet",
    Severity.WARNING,
    DeliveryKind.BEGIN,
    "ONBATT",
    "rack@closet",
)


@pytest.fixture
def receiver():
    with receiving() as running:
        yield running


def send(url, message=MESSAGE, number=None, **options):
    return asyncio.run(AppriseSender(url, **options).send(message, number))


def refused(url, **options):
    with pytest.raises(SendError) as caught:
        send(url, **options)
    assert SECRET not in caught.value.reason
    return caught.value


def test_a_webhook_gets_title_and_text_as_they_are(receiver):
    assert send(f"json://{receiver.place}/{SECRET}") == "HTTP 200 OK"
    (taken,) = receiver.taken
    assert (taken["title"], taken["message"], taken["type"]) == (MESSAGE.title, MESSAGE.text, "warning")
    assert receiver.requests[0][1]["User-Agent"] == "Voltkeeper"


def test_ntfy_gets_the_message_and_no_picture_from_elsewhere(receiver):
    assert send(f"ntfy://owner:{SECRET}@{receiver.place}/alerts") == "HTTP 200 OK"
    (taken,) = receiver.taken
    assert (taken["topic"], taken["title"], taken["message"]) == ("alerts", MESSAGE.title, MESSAGE.text)
    assert "icon" not in taken and "attach" not in taken


def test_a_service_that_formats_every_message_shows_the_characters_of_a_name(receiver):
    named = replace(MESSAGE, title="*Rack* `1`: on battery", text="_a_\nhttps://volt.example.org/ups/a_b_c")
    send(f"mmost://{receiver.place}/AtokenAtokenAto", named)
    send(f"json://{receiver.place}/", named)
    formatted, plain = receiver.taken
    assert formatted["text"].splitlines() == [
        r"\*Rack\* \`1\`: on battery",
        r"\_a\_",
        "https://volt.example.org/ups/a_b_c",
    ]
    assert (plain["title"], plain["message"]) == (named.title, named.text)


def test_what_is_critical_has_a_priority_that_rings_unless_the_url_names_one(receiver):
    critical = replace(MESSAGE, severity=Severity.CRITICAL)
    messages = (MESSAGE, critical, replace(critical, kind=DeliveryKind.END), critical)

    async def all_of(url):
        sender = AppriseSender(url)
        for message in messages:
            await sender.send(message)

    asyncio.run(all_of(f"ntfy://{receiver.place}/alerts"))
    asyncio.run(all_of(f"ntfy://{receiver.place}/alerts?priority=low"))
    priorities = [headers.get("X-Priority") for _, headers, _ in receiver.requests]
    assert priorities == [None, "high", None, "high", "low", "low", "low", "low"]
    asyncio.run(all_of(f"gotify://{receiver.place}/AtokenAtokenAto"))
    assert [one["priority"] for one in receiver.taken[-4:]] == [5, 8, 5, 8]


def test_a_second_attempt_after_a_crash_names_its_delivery(receiver):
    send(f"json://{receiver.place}/", number=4711)
    assert receiver.taken[0]["title"].startswith(MESSAGE.title) and "#4711" in receiver.taken[0]["title"]


ANSWERS = [
    (403, b'{"code":40301,"http":403,"error":"forbidden"}', {}, "HTTP 403 Forbidden: forbidden", False),
    (
        404,
        b'{"ok":false,"error_code":404,"description":"Not Found: chat"}',
        {},
        "HTTP 404 Not Found: Not Found: chat",
        False,
    ),
    (
        401,
        b'{"error":"Unauthorized","errorDescription":"token is wrong"}',
        {},
        "HTTP 401 Unauthorized: token is wrong",
        False,
    ),
    (429, b'{"errors":["too many"]}', {}, "HTTP 429 Too Many Requests: too many", False),
    (
        500,
        b"<html><head><title>x</title></head><body><h1>Oops</h1>\n it broke</body></html>",
        {"Content-Type": "text/html"},
        "HTTP 500 Internal Server Error: x Oops it broke",
        False,
    ),
    (502, b"", {}, "HTTP 502 Bad Gateway", False),
    (503, b"\xff\xfe\x00binary", {}, "HTTP 503 Service Unavailable: \ufffd\ufffdbinary", False),
    (400, b'{"message":"bad title"}', {}, "HTTP 400 Bad Request: bad title", True),
    (413, b"too large", {}, "HTTP 413 Request Entity Too Large: too large", True),
    (500, b"[[[]]]", {}, "HTTP 500 Internal Server Error: [[[]]]", False),
    (500, f"path /{SECRET} fails".encode(), {}, "HTTP 500 Internal Server Error: path /*** fails", False),
]


@pytest.mark.parametrize(("status", "body", "headers", "reason", "is_final"), ANSWERS)
def test_the_reason_is_what_the_service_answered(receiver, status, body, headers, reason, is_final):
    receiver.status, receiver.body, receiver.headers = status, body, headers
    error = refused(f"json://{receiver.place}/{SECRET}")
    assert (error.reason, error.is_final) == (reason, is_final)


FAILURES = [
    (
        "close",
        "127.0.0.1: the connection was closed before the answer was there; the message may have arrived",
    ),
    ("reset", "127.0.0.1: the connection was closed; the message may have arrived"),
    ("cut", "127.0.0.1: the connection was closed before the answer was there; the message may have arrived"),
    ("redirect", "127.0.0.1: it redirects to another address and loses the message: use that one"),
    ("redirect_away", "127.0.0.1: it redirects to an address that is not one of HTTP"),
    ("encoded", "127.0.0.1: its answer is not compressed as it says"),
    ("nonsense", "127.0.0.1: what answers there does not speak HTTP"),
]


@pytest.mark.parametrize(("failure", "reason"), FAILURES, ids=[row[0] for row in FAILURES])
def test_a_connection_that_fails_midway(receiver, failure, reason):
    receiver.failure = failure
    assert refused(f"json://{receiver.place}/{SECRET}").reason == reason


@pytest.mark.parametrize("failure", ["flood", "drip"])
def test_a_body_without_end_is_read_in_part(receiver, failure, monkeypatch):
    monkeypatch.setattr(http_answers, "BODY_S", 0.3)
    monkeypatch.setattr(http_answers, "CHUNK", 1 if failure == "drip" else 4096)
    receiver.failure = failure
    assert send(f"json://{receiver.place}/") == "HTTP 200 OK"  # it ends


def test_nobody_listens_or_there_is_no_such_name():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert refused(f"json://127.0.0.1:{port}/{SECRET}").reason == "127.0.0.1: connection refused"
    reason = refused(f"json://nothing.invalid/{SECRET}").reason
    assert reason.startswith("nothing.invalid: its name cannot be resolved: ")


def test_a_certificate_that_nobody_signed_is_refused(tmp_path):
    with receiving(Authority(tmp_path).issue("nas")) as secure:
        reason = refused(f"jsons://{secure.place}/{SECRET}").reason
        assert reason.startswith("127.0.0.1: its certificate is not trusted: ")
        assert not secure.taken
        assert send(f"jsons://{secure.place}/?verify=no") == "HTTP 200 OK"


def test_a_slow_service_gets_the_message_once_although_the_attempt_was_given_up(receiver):
    receiver.delay_s = 0.8
    reasons = set()

    async def impatient():
        sender = AppriseSender(f"json://{receiver.place}/", call_s=0.2)
        for _ in range(20):
            try:
                return await sender.send(MESSAGE)
            except SendError as error:
                reasons.add(error.reason)
        return ""

    assert asyncio.run(impatient()) == "HTTP 200 OK"
    assert reasons == {"no answer within 0.2 s; it may still arrive"}
    assert len(receiver.requests) == 1


def test_a_failed_late_attempt_is_made_again(receiver):
    receiver.delay_s, receiver.status = 0.5, 503

    async def twice():
        sender = AppriseSender(f"json://{receiver.place}/", call_s=0.1)
        with pytest.raises(SendError, match="no answer"):
            await sender.send(MESSAGE)
        await asyncio.sleep(0.9)
        receiver.delay_s, receiver.status = 0.0, 200
        return await sender.send(MESSAGE)

    assert asyncio.run(twice()) == "HTTP 200 OK"
    assert len(receiver.requests) == 2


def test_two_messages_within_a_second_are_not_held_back(receiver):
    async def three():
        sender = AppriseSender(f"ntfy://{receiver.place}/alerts")
        began = time.monotonic()
        for _ in range(3):
            await sender.send(MESSAGE)
        return time.monotonic() - began

    assert asyncio.run(three()) < 3


NOT_UNDERSTOOD = [
    ("tgrm://abc/def", "Apprise knows no service tgrm://: did you mean 'tgram'?"),
    (
        "https://nas.lan/hook",
        "Apprise knows no service https://: for a webhook of your own write jsons:// in its place",
    ),
    (
        "nosuchservice://x",
        "Apprise knows no service nosuchservice://: the list is at https://appriseit.com/services/",
    ),
    ("ntfy.sh/alerts", "is no Apprise URL: it has to begin with a service, such as ntfy://"),
    ("", "is no Apprise URL: it has to begin with a service, such as ntfy://"),
    (f"tgram://{SECRET}", "is no URL of the service tgram://: "),
    (f"gotify:///{SECRET}", "is no URL of the service gotify://: "),
]


@pytest.mark.parametrize(("url", "reason"), NOT_UNDERSTOOD)
def test_a_url_that_is_not_understood_names_the_nearest_service(url, reason):
    with pytest.raises(ServiceError) as caught:
        AppriseSender(url)
    assert caught.value.reason.startswith(reason) and caught.value.is_final
    assert SECRET not in caught.value.reason


def test_blanks_around_a_url_of_the_environment_do_no_harm(receiver):
    assert send(f" json://{receiver.place}/ \n") == "HTTP 200 OK"


def test_a_service_without_a_place_to_send_to_is_no_success(receiver):
    assert "topic" in refused(f"ntfy://{receiver.place}/?mode=private").reason.lower()


@notify(on="vkbroken", name="Broken")
def broken(body, title, notify_type, *arguments, **options):
    raise RuntimeError(f"no way to {SECRET}")


class RaisingPlugin(apprise.NotifyBase):
    service_name = "Raises"
    protocol = "vkraises"
    service_url = setup_url = "https://example.org"
    templates = ("{schema}://{host}",)
    template_tokens: ClassVar = {"host": {"name": "Host", "type": "string"}}

    def send(self, body, title="", **options):
        raise RuntimeError(f"no way to {SECRET}")


NotificationManager().add(RaisingPlugin, schemas="vkraises")


@notify(on="vkexits", name="Exits")
def exits(body, title, notify_type, *arguments, **options):
    raise SystemExit(3)


@notify(on="vkhangs", name="Hangs")
def hangs(body, title, notify_type, *arguments, **options):
    time.sleep(1.5)


@pytest.mark.parametrize(
    ("scheme", "reason"),
    [
        ("vkbroken", "An exception occured"),
        ("vkraises", "raised an exception"),
        ("vkexits", "SystemExit"),
        ("vkhangs", "no answer within 0.5 s"),
    ],
)
def test_a_broken_plugin_harms_no_other_target(receiver, scheme, reason):
    async def both():
        bad = AppriseSender(f"{scheme}://{SECRET}", call_s=0.5)
        good = AppriseSender(f"json://{receiver.place}/")
        return await asyncio.gather(bad.send(MESSAGE), good.send(MESSAGE), return_exceptions=True)

    error, answer = asyncio.run(both())
    assert isinstance(error, SendError) and SECRET not in error.reason and reason in error.reason
    assert answer == "HTTP 200 OK"


def test_nothing_of_a_url_reaches_the_log_whatever_its_level(receiver):
    # Not caplog: it listens to loggers that pass nothing on, too.
    receiver.status, receiver.body = 500, b"no"
    root, written = logging.getLogger(), io.StringIO()
    handler, level = logging.StreamHandler(written), root.level
    root.addHandler(handler)
    root.setLevel(1)
    try:
        logging.getLogger(f"{__name__}.probe").debug("probe")
        refused(f"json://user:{SECRET}@{receiver.place}/{SECRET}?key={SECRET}")
        refused(f"ntfy://{SECRET}@{receiver.place}/{SECRET}")
        with pytest.raises(ServiceError):
            AppriseSender(f"tgram://{SECRET}")
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert "probe" in written.getvalue() and SECRET not in written.getvalue()
    assert SECRET not in repr(AppriseSender(f"json://{receiver.place}/{SECRET}"))


def test_the_type_shows_how_serious_it_is_and_what_is_over():
    def type_of(severity, kind):
        return notify_type(AlertMessage("", "", severity, kind)).value

    assert type_of(Severity.CRITICAL, DeliveryKind.BEGIN) == "failure"
    assert type_of(Severity.WARNING, DeliveryKind.DIGEST) == "warning"
    assert type_of(Severity.OK, DeliveryKind.TEST) == "info"
    assert type_of(Severity.CRITICAL, DeliveryKind.END) == "success"


def test_apprise_keeps_nothing_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    AppriseSender("matrix://user:pw@127.0.0.1:9/#room")
    assert not list(tmp_path.iterdir())
    assert apprise.__version__ >= "2"
