"""What a mail server refused, in its own words and with the remedy. Pure."""

import smtplib
import socket
import ssl
from collections.abc import Mapping

from outbound.senders.connection_errors import describe_connection_error

Refusals = Mapping[str, tuple[int, bytes]]  # address -> code and text

MAY_HAVE = "{}; the mail may have arrived"
CHECK_TLS = "check port and tls of mail: (587 starttls, 465 tls)"
NO_ANSWER = f"no answer within the time limit: {CHECK_TLS}"
FINAL = 500  # codes from here on are final, those below may pass


def describe_error(error: Exception, in_mail: bool = False) -> str:
    """Why a mail was not sent; `in_mail`: the server had taken the connection, and a part of the mail."""
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return MAY_HAVE.format("no answer within the time limit") if in_mail else NO_ANSWER
    if isinstance(error, smtplib.SMTPServerDisconnected):
        closed = "it closed the connection before it answered"
        return MAY_HAVE.format(closed) if in_mail else f"{closed}: is it a mail server?"
    if isinstance(error, smtplib.SMTPException):
        return _describe_refusal(error)
    return _describe_connection(error)


def _describe_refusal(error: smtplib.SMTPException) -> str:
    """What the server answered, or does not offer."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return describe_refusals(error.recipients)[0]
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"login refused: {_answer(error)}: check username and password of mail:"
    if isinstance(error, smtplib.SMTPSenderRefused):
        return f"it refuses the sender {error.sender}: {_answer(error)}: check from of mail:"
    if isinstance(error, smtplib.SMTPResponseException):
        return _answer(error)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return _not_supported(error)
    return str(error) or type(error).__name__


def _describe_connection(error: Exception) -> str:
    """Why there is no connection, with the remedy."""
    reason = describe_connection_error(error)
    if not reason:
        return str(error) or type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError | socket.gaierror):
        return f"{reason}: check host of mail:"
    return f"{reason}: {CHECK_TLS if isinstance(error, ssl.SSLError) else 'check host and port of mail:'}"


def _not_supported(error: smtplib.SMTPNotSupportedError) -> str:
    text = str(error)
    if "STARTTLS" in text:
        return "it offers no STARTTLS: write tls: tls or tls: none under mail:"
    if "AUTH" in text:
        return "it offers no login on this connection: remove username and password of mail:, or use TLS"
    return text


def describe_refusals(refusals: Refusals) -> tuple[str, bool]:
    """Each address with the server's answer, and whether all are refused for good."""
    parts = [f"{address} refused: {format_answer(code, text)}" for address, (code, text) in refusals.items()]
    return "; ".join(parts), all(code >= FINAL for code, _ in refusals.values())


def is_refused(error: Exception) -> bool:
    """Whether the server refuses this very mail for good; a login or a connection may be mended."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return describe_refusals(error.recipients)[1]
    if isinstance(error, smtplib.SMTPDataError | smtplib.SMTPSenderRefused):
        return error.smtp_code >= FINAL
    return isinstance(error, ValueError)


def _answer(error: smtplib.SMTPResponseException) -> str:
    return format_answer(error.smtp_code, error.smtp_error)


def format_answer(code: int, text: bytes | str) -> str:
    """`550 no such mailbox`: an answer of the server as text."""
    return f"{code} {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}"
