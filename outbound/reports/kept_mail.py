"""A kept mail as it is sent: this is all of reports that the process that sends needs."""

from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from outbound.alerts.model import AlertMessage
from outbound.reports.store import read_kept

SUMMARY, LINK = "X-Voltkeeper-Summary", "X-Voltkeeper-Link"  # what goes to targets that take no mail
GONE = "The report itself is not kept any longer (`keep` in config.yml): make it anew on the page /reports."


def summary_text(kept: EmailMessage) -> str:
    """What goes to targets that take no mail: the most important, and the link as the last line."""
    return "\n".join(filter(None, (str(kept[SUMMARY] or ""), str(kept[LINK] or ""))))


def report_reader(folder: Path) -> Callable[[AlertMessage], EmailMessage]:
    """What makes the mail of a message that carries a report, for `outbound.senders.mail`."""

    def read(message: AlertMessage) -> EmailMessage:
        mail = read_kept(folder, message.report)
        if mail is None:
            mail = EmailMessage(policy=SMTP)
            mail.set_content(f"{message.text}\n\n{GONE}\n", charset="utf-8", cte="quoted-printable")
        for name in (SUMMARY, LINK):
            del mail[name]
        return mail

    return read
