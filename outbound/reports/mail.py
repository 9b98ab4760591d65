"""A report as a mail: text, HTML with its pictures, CSV files. Its addresses are added when it is sent."""

import logging
from email.message import EmailMessage
from email.policy import SMTP
from secrets import token_hex

from outbound.reports.document import ReportDocument, clean
from outbound.reports.html import render_html
from outbound.reports.kept_mail import LINK, SUMMARY
from outbound.reports.pictures import LEFT_OUT, can_draw, draw_png
from outbound.reports.text import render_text

log = logging.getLogger(__name__)

MOST_SUBJECT = 150  # letters
FAILED = "Some pictures could not be drawn: the log of the site says why."


def compose_mail(document: ReportDocument, subject: str) -> EmailMessage:
    """The mail without addresses: mixed(alternative(text, related(HTML, pictures)), CSV files)."""
    pictures = _pictures(document) if can_draw() else {}
    if len(pictures) < len(document.charts):
        document = document.with_note(FAILED if can_draw() else LEFT_OUT)
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = clean(subject)[:MOST_SUBJECT]
    mail["Auto-Submitted"] = "auto-generated"
    mail[SUMMARY] = clean(document.summary)
    mail[LINK] = document.link
    mail.set_content(render_text(document), cte="quoted-printable")
    mark = token_hex(6)
    cids = {key: f"<{key}.{mark}@voltkeeper.invalid>" for key in pictures}  # short: a folded one is not found
    html = render_html(document, {key: cid[1:-1] for key, cid in cids.items()})
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    for key, png in pictures.items():
        _html_part(mail).add_related(
            png, "image", "png", cid=cids[key], filename=f"{key}.png", disposition="inline"
        )
    if pictures:
        _html_part(mail).set_param("type", "text/html")  # of a multipart/related
    for name, csv in document.files.items():
        mail.add_attachment(csv, subtype="csv", filename=name, cte="quoted-printable")
    return mail


def _pictures(document: ReportDocument) -> dict[str, bytes]:
    """Key of a chart -> PNG, of those that can be drawn."""
    found = {}
    for chart in document.charts:
        try:
            found[chart.key] = draw_png(chart)
        except ValueError as error:
            log.error("The picture %r of a report could not be drawn: %s", chart.title, error)
    return found


def _html_part(mail: EmailMessage) -> EmailMessage:
    part = mail.get_body(("related", "html"))
    assert isinstance(part, EmailMessage), "the HTML was added before its pictures"
    return part
