"""Sending by mail to a real SMTP server: TLS, logins, refusals in its words, connections that end."""

import asyncio
import email
import email.policy
import socket
import threading
import time
from email.message import EmailMessage

import pytest

from ingest.config.mail import Mail
from ingest.severity import Severity
from outbound.alerts.model import AlertMessage, DeliveryKind
from outbound.senders import SendError
from outbound.senders import mail as mail_module
from outbound.senders.mail import MailSender, check_server
from tests.ingest.nut.certificates import Authority
from tests.outbound.senders.smtp_receiver import receiving_mail

OWNER = "owner@example.org"
MESSAGE = AlertMessage(
    "Rack: on battery, 23 min left",
    "Rack (rack@closet): on battery, 23 °C.\n.\nhttps://volt.example.org/ups/rack@closet",
    Severity.CRITICAL,
    DeliveryKind.BEGIN,
    "ONBATT",
    "rack@closet",
)


def settings(receiver, host="127.0.0.1", **keys):
    return Mail(host=host, sender="voltkeeper@example.org", port=receiver.port, **({"tls": "none"} | keys))


def send(mail, recipients=(OWNER,), message=MESSAGE, number=None):
    return asyncio.run(MailSender(mail, recipients).send(message, number))


def refused(mail, recipients=(OWNER,), message=MESSAGE):
    with pytest.raises(SendError) as caught:
        send(mail, recipients, message)
    return caught.value


@pytest.fixture
def receiver():
    with receiving_mail() as running:
        yield running


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def cert(authority):
    return authority.issue("mail")


def parsed(receiver, number=0):
    return email.message_from_bytes(receiver.mails[number][1], policy=email.policy.default)


def test_a_mail_has_subject_text_and_the_headers_of_a_program(receiver):
    assert send(settings(receiver)) == "250 2.0.0 Ok: queued as 4711"
    mail = parsed(receiver)
    assert receiver.mails[0][0] == [OWNER]
    assert mail["Subject"] == MESSAGE.title
    assert mail.get_content().replace("\r\n", "\n") == MESSAGE.text + "\n"
    assert mail["From"].addresses[0].addr_spec == "voltkeeper@example.org"
    assert (mail["To"], mail["Auto-Submitted"], mail["Importance"]) == (OWNER, "auto-generated", "high")
    assert abs(mail["Date"].datetime.timestamp() - time.time()) < 60
    assert len(receiver.mails) == 1


def test_the_same_mail_sent_again_has_the_same_message_id_and_another_one_another(receiver):
    send(settings(receiver))
    time.sleep(1.1)  # the header Date is another one
    for message in (MESSAGE, AlertMessage("x", "y", Severity.OK, DeliveryKind.TEST)):
        send(settings(receiver), message=message)
    first, second, third = (parsed(receiver, number)["Message-ID"] for number in range(3))
    assert first == second != third and first.endswith("@example.org>")
    assert parsed(receiver, 2)["Importance"] is None


def test_a_report_that_is_sent_again_on_purpose_is_another_mail(receiver):
    def read(message):
        mail = EmailMessage()
        mail["Subject"], mail["To"] = "of the file", "nobody@example.org"
        mail.set_content("figures")
        mail.add_alternative("<p>figures</p>", subtype="html")
        return mail

    report = AlertMessage("Report", "x", Severity.OK, DeliveryKind.REPORT, report="monthly.eml")

    async def twice():
        sender = MailSender(settings(receiver), (OWNER,), read)
        receiver.data_answer = "451 later"
        with pytest.raises(SendError):
            await sender.send(report)
        receiver.data_answer = ""
        await sender.send(report)
        await sender.send(report)

    asyncio.run(twice())
    first, second = parsed(receiver), parsed(receiver, 1)
    assert first["Message-ID"] != second["Message-ID"]
    assert (first["Subject"], first["To"]) == ("Report", OWNER)
    assert [part.get_content_type() for part in first.iter_parts()] == ["text/plain", "text/html"]


def test_a_second_attempt_after_a_crash_names_its_delivery(receiver):
    send(settings(receiver), number=4711)
    assert "#4711" in parsed(receiver)["Subject"]


@pytest.mark.parametrize(
    "title",
    [
        "Rack\r\nBcc: everyone@example.org",
        "A \U0001f4a9 subject=?UTF-8?Q?=0A?=Bcc: everyone@example.org",
        "\u2068\u05d0\u05e8\u05d5\u05df\u2069: on battery " + "é" * 150,
        "\ud800\x00",
        "x" * 998,
    ],
)
def test_no_title_adds_a_header_or_a_recipient(receiver, title):
    send(settings(receiver), message=AlertMessage(title, "text", Severity.OK, DeliveryKind.TEST))
    assert parsed(receiver)["Bcc"] is None and receiver.mails[0][0] == [OWNER]
    head = receiver.mails[0][1].partition(b"\r\n\r\n")[0]
    assert head.isascii() and all(len(line) <= 998 for line in head.split(b"\r\n"))


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_with_tls_and_a_login(authority, cert, monkeypatch, tls):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    with receiving_mail(cert, tls, password="right") as receiver:
        mail = settings(receiver, host="localhost", tls=tls, username="volt", password="right")
        assert send(mail).startswith("250 ")
        assert len(receiver.mails) == 1
        shown = "STARTTLS" if tls == "starttls" else "TLS"
        assert check_server(mail) == f"answers with {shown}, takes the login"


def test_a_login_that_is_refused_is_told_in_the_servers_words(authority, cert, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    with receiving_mail(cert, "starttls", password="right") as receiver:
        mail = settings(receiver, tls="starttls", username="volt", password="topsecret")
        error = refused(mail)
        assert error.reason.startswith("127.0.0.1: login refused: 535 5.7.8 ")
        assert "check username and password of mail:" in error.reason
        assert not error.is_final and "topsecret" not in error.reason
        with pytest.raises(SendError, match="login refused: 535"):
            check_server(mail)


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_certificate_that_nobody_signed_or_of_another_host_is_refused(authority, cert, monkeypatch, tls):
    with receiving_mail(cert, tls) as receiver:
        reason = refused(settings(receiver, tls=tls)).reason
        assert reason.startswith("127.0.0.1: its certificate is not trusted: ")
        assert not receiver.mails
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    with receiving_mail(authority.issue("other", "DNS:other.example.org"), tls) as receiver:
        assert "is not valid for '127.0.0.1'" in refused(settings(receiver, tls=tls)).reason
        assert not receiver.mails


def test_tls_that_does_not_fit_the_port(receiver, monkeypatch):
    monkeypatch.setattr(mail_module, "TIMEOUT_S", 0.5)
    assert (
        "it offers no STARTTLS: write tls: tls or tls: none"
        in refused(settings(receiver, tls="starttls")).reason
    )
    assert "(587 starttls, 465 tls)" in refused(settings(receiver, tls="tls")).reason


def test_a_login_that_is_not_offered(cert):
    with receiving_mail(cert, "starttls", password="right") as receiver:
        mail = settings(receiver, username="volt", password="right")
        assert "it offers no login on this connection" in refused(mail).reason


REFUSALS = [
    ("550 5.1.1 no such user", True),
    ("450 4.7.1 greylisted, try again in 300 s", False),
    ("452 4.2.2 mailbox full", False),
]


@pytest.mark.parametrize(("answer", "is_final"), REFUSALS)
def test_a_recipient_that_is_refused(receiver, answer, is_final):
    receiver.refuse[OWNER] = answer
    error = refused(settings(receiver))
    assert error.reason == f"127.0.0.1: {OWNER} refused: {answer}"
    assert error.is_final is is_final and not receiver.mails


@pytest.mark.parametrize(
    ("answer", "is_final"), [("554 5.7.1 looks like spam", True), ("451 4.3.0 try later", False)]
)
def test_a_mail_that_is_refused(receiver, answer, is_final):
    receiver.data_answer = answer
    error = refused(settings(receiver))
    assert (error.reason, error.is_final) == (f"127.0.0.1: {answer}", is_final)


def test_a_sender_that_is_refused(receiver):
    receiver.sender_answer = "553 5.7.1 not owned by user"
    error = refused(settings(receiver))
    assert "it refuses the sender voltkeeper@example.org: 553" in error.reason and error.is_final


def test_who_has_a_mail_is_not_sent_it_again_where_another_refused_it(receiver):
    receiver.refuse["second@example.org"] = "450 4.7.1 greylisted"

    async def twice():
        sender = MailSender(settings(receiver), (OWNER, "second@example.org"))
        with pytest.raises(SendError, match=r"second@example\.org refused: 450"):
            await sender.send(MESSAGE)
        receiver.refuse.clear()
        await sender.send(MESSAGE)
        await sender.send(MESSAGE)  # a message of its own, such as the same test once more

    asyncio.run(twice())
    assert [recipients for recipients, _ in receiver.mails] == [
        [OWNER],
        ["second@example.org"],
        [OWNER, "second@example.org"],
    ]


def test_a_connection_that_ends_within_the_mail(receiver):
    receiver.drop = "data"
    error = refused(settings(receiver))
    assert "it closed the connection before it answered; the mail may have arrived" in error.reason
    assert not error.is_final


@pytest.mark.parametrize("drop", ["quit", "rude"])
def test_a_server_that_does_not_say_goodbye_has_taken_the_mail(receiver, drop):
    receiver.drop = drop
    assert send(settings(receiver)).startswith("250 ")
    assert len(receiver.mails) == 1


class Port:
    """A TCP port whose clients get `greeting`, and nothing else."""

    def __init__(self, greeting):
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._greeting, self._clients = greeting, []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self._clients.append(client)
            client.sendall(self._greeting)
            if self._greeting:
                client.close()


@pytest.mark.parametrize(
    ("greeting", "reason"),
    [
        (b"554 5.7.1 go away\r\n", "127.0.0.1: 554 5.7.1 go away"),
        (b"421 4.3.2 down for\r\n", "421 4.3.2 down for"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "127.0.0.1: "),
        (b"", "no answer within the time limit: check port and tls of mail: (587 starttls, 465 tls)"),
    ],
)
def test_what_answers_is_no_mail_server_or_a_silent_one(greeting, reason, monkeypatch):
    monkeypatch.setattr(mail_module, "TIMEOUT_S", 0.4)
    error = refused(settings(Port(greeting)))
    assert reason in error.reason and not error.is_final


def test_nobody_listens_or_there_is_no_such_name():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    mail = Mail(host="127.0.0.1", sender="v@example.org", port=port, tls="none")
    assert refused(mail).reason == "127.0.0.1: connection refused: check host and port of mail:"
    nowhere = Mail(host="nothing.invalid", sender="v@example.org")
    assert "its name cannot be resolved" in refused(nowhere).reason


def test_an_address_with_letters_that_the_server_does_not_take(receiver):
    error = refused(settings(receiver), ("bäcker@example.org",))
    assert "SMTPUTF8" in error.reason or "refused" in error.reason
    assert not receiver.mails


def test_a_mail_by_apprise_checks_the_certificate_too(cert):
    from outbound.senders.apprise import AppriseSender

    with receiving_mail(cert, "tls") as receiver:
        url = f"mailtos://volt:topsecret@127.0.0.1:{receiver.port}?mode=ssl&to={OWNER}&from=v@example.org"
        with pytest.raises(SendError) as caught:
            asyncio.run(AppriseSender(url).send(MESSAGE))
        assert not receiver.mails and "topsecret" not in caught.value.reason
