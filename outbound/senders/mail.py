"""Sending by mail: the standard library's EmailMessage and smtplib, by the server of `mail:`."""

import hashlib
import smtplib
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from secrets import token_hex

from ingest.config.mail import Mail
from ingest.severity import Severity
from outbound.alerts.clean import clean_line
from outbound.alerts.messages import mark_uncertain
from outbound.alerts.model import AlertMessage
from outbound.senders import SendError
from outbound.senders.smtp_errors import describe_error, describe_refusals, format_answer, is_refused
from outbound.senders.threads import Attempts, start_thread

TIMEOUT_S = 30.0  # of one answer of the server
CALL_S = 120.0  # of one mail in all
REASON = 200
TITLE = 200
NAME = "Voltkeeper"  # of the sender


class MailSender:
    """Sends to some addresses. `read_report` makes the mail of a message that carries a report."""

    def __init__(
        self,
        mail: Mail,
        recipients: Sequence[str],
        read_report: Callable[[AlertMessage], EmailMessage] | None = None,
        call_s: float = CALL_S,
    ) -> None:
        self._mail, self._recipients, self._call_s = mail, tuple(recipients), call_s
        self._read_report = read_report
        self.address = f"smtp://{mail.host}"
        # A message, those that have it not yet, and what tells it from the same sent again on purpose.
        self._open: tuple[AlertMessage, set[str], str] | None = None
        self._attempts = Attempts[str](call_s)

    async def send(self, message: AlertMessage, number: int | None = None) -> str:
        """Send; returns what the server answered. Raises SendError.

        Those that took a message are not sent it again where others refused it.
        """
        if self._open is None or self._open[0] != message:
            self._open = (message, set(self._recipients), token_hex(8) if message.report else "")
        _, left, mark = self._open
        future = self._attempts.unfinished(message)
        if future is None:
            mail = self._compose(message if number is None else mark_uncertain(message, number), mark)
            future = start_thread(lambda: send_mail(self._mail, mail, left), f"mail by {self._mail.host}")
        try:
            answer = await self._attempts.wait(message, future)
        except TimeoutError:
            raise SendError(f"{self._mail.host}: no answer within {self._call_s:g} s") from None
        self._open = None
        return answer

    def _compose(self, message: AlertMessage, mark: str) -> EmailMessage:
        if message.report and self._read_report is not None:
            mail = self._read_report(message)
        else:
            mail = EmailMessage(policy=SMTP)
            mail.set_content(f"{message.text}\n", charset="utf-8", cte="quoted-printable")
        add_headers(mail, self._mail, self._recipients, message.title, mark)
        if message.severity is Severity.CRITICAL:
            mail["Importance"] = "high"
        return mail


def add_headers(
    mail: EmailMessage, settings: Mail, recipients: Sequence[str], title: str, mark: str = ""
) -> None:
    """Add what each mail of ours has. Its Message-ID is the same for the same mail with the same `mark`.

    So a mail program shows what arrived twice only once.
    """
    for name in ("Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted"):
        del mail[name]
    # Python decodes what looks like an encoded word, and a line break in it would end the header.
    mail["Subject"] = clean_line(title, TITLE).replace("=?", "= ?")
    mail["From"] = formataddr((NAME, settings.sender))
    mail["To"] = ", ".join(recipients)
    mail["Date"] = format_datetime(datetime.now(UTC))
    body = mail.get_body(("plain", "html"))
    text = "" if body is None else str(body.get_content())
    content = "\0".join((title, text, mark, *recipients)).encode("utf-8", "replace")
    mail["Message-ID"] = f"<{hashlib.sha256(content).hexdigest()[:32]}@{settings.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"


def send_mail(settings: Mail, mail: EmailMessage, recipients: set[str]) -> str:
    """Send a mail to those in `recipients`, which blocks; returns what the server answered.

    Who took it is removed from `recipients`. Raises SendError.
    """
    is_connected = False
    try:
        server = connect(settings)
        is_connected = True
        try:
            answer = _hand_over(server, settings, mail, recipients)
            with suppress(smtplib.SMTPException, OSError):  # the server has the mail already
                server.quit()
            return answer
        finally:
            server.close()
    except (smtplib.SMTPException, OSError, ValueError) as error:
        reason = clean_line(f"{settings.host}: {describe_error(error, is_connected)}", REASON)
        raise SendError(reason, is_refused(error)) from error


class _DataAnswer(smtplib.SMTP):
    """Keeps what the server answered to the mail itself, which smtplib passes over."""

    data_answer = ""

    def data(self, msg: bytes | str) -> tuple[int, bytes]:  # type: ignore[override]  # as smtplib has it
        """The command DATA."""
        code, text = super().data(msg)
        self.data_answer = format_answer(code, text)
        return code, text


class _TlsDataAnswer(_DataAnswer, smtplib.SMTP_SSL):
    """The same, with TLS from the first byte."""


def check_server(settings: Mail) -> str:
    """Connect, log in and leave, which blocks; returns what was found. Raises SendError."""
    try:
        server = connect(settings)
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise SendError(clean_line(describe_error(error), REASON)) from error
    with suppress(smtplib.SMTPException, OSError):
        server.quit()
    server.close()
    secure = {"starttls": "with STARTTLS", "tls": "with TLS", "none": "without encryption"}[settings.tls]
    login = "takes the login" if settings.username else "is not asked for a login"
    if settings.username and settings.tls == "none":
        login = f"{login}, which others on the way can read"
    return f"answers {secure}, {login}"


def connect(settings: Mail) -> _DataAnswer:
    """Connect and log in. Raises SMTPException and OSError."""
    context = ssl.create_default_context()
    server: _DataAnswer
    if settings.tls == "tls":
        server = _TlsDataAnswer(settings.host, settings.port, timeout=TIMEOUT_S, context=context)
    else:
        server = _DataAnswer(settings.host, settings.port, timeout=TIMEOUT_S)
    try:
        server.ehlo_or_helo_if_needed()
        if settings.tls == "starttls":
            server.starttls(context=context)
            server.ehlo()
        if settings.username is not None and settings.password is not None:
            server.login(settings.username, settings.password)
    except BaseException:
        server.close()
        raise
    return server


def _hand_over(server: _DataAnswer, settings: Mail, mail: EmailMessage, recipients: set[str]) -> str:
    """MAIL, RCPT and DATA; raises SendError for those that were refused while others took it."""
    wanted = sorted(recipients)
    refused = server.send_message(mail, settings.sender, wanted)
    recipients.intersection_update(refused)
    if refused:
        reason, is_final = describe_refusals(refused)
        raise SendError(clean_line(f"{settings.host}: {reason}", REASON), is_final)
    return clean_line(server.data_answer, REASON)
