"""The sender of a target."""

from collections.abc import Callable
from email.message import EmailMessage

from ingest.config.alerts import AlertTarget
from ingest.config.mail import Mail
from outbound.alerts.model import AlertMessage
from outbound.senders import MessageSender, SendError
from outbound.senders.command import CommandSender
from outbound.senders.mail import MailSender

ReadReport = Callable[[AlertMessage], EmailMessage]


def make_sender(
    target: AlertTarget, mail: Mail | None, read_report: ReadReport | None = None
) -> MessageSender:
    """The sender of a target; `read_report` makes the mail of a message with a report.

    Raises SendError for a URL that Apprise does not understand. Apprise is imported here, for those that need
    it.
    """
    if target.url:
        from outbound.senders.apprise import AppriseSender

        return AppriseSender(target.url)
    if target.mail:
        if mail is None:
            raise SendError("there is no mail server: add mail: {host: ..., from: ...}", is_final=True)
        return MailSender(mail, target.mail, read_report)
    return CommandSender(target.command)
