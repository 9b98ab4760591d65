"""The mail of a report: how it is built, its pictures, hostile names, twelve UPSes."""

import os
import re
import sys
import time
from email import message_from_bytes
from email.policy import SMTP
from html.parser import HTMLParser
from pathlib import Path

import pytest

import outbound.reports.pictures as pictures
from ingest.config.periodic import ReportSettings
from outbound.alerts.model import AlertMessage, DeliveryKind
from outbound.reports.kept_mail import report_reader
from outbound.reports.make import make_report
from outbound.reports.pictures import LEFT_OUT, png_of
from outbound.reports.store import keep_report, list_kept, read_kept, reports_folder
from tests.outbound.reports.report_site import ReportHouse, rome, site_config

NOW = rome("2026-11-03 12:00")
GMAIL = 102_000  # bytes of HTML, of which Gmail shows the rest on demand alone
PNG = b"\x89PNG\r\n\x1a\n"
HOSTILE = (
    "<script>alert(1)</script>&amp;\"'",
    "\u202eright to left\u202c \u0634\u0627\u062d\u0646\u0629",
    "line\r\nSubject: forged\x00\x1b[31m",
    "Nameofsixtyletterswithoutanyblankthatnowhereletsalinebreakok",
    "\U0001f50b battery \U0001f469\u200d\U0001f680",
    '=HYPERLINK("http://evil")',
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a site with twelve UPSes, whose labels are hostile, and 60 outages."""
    house = ReportHouse(tmp_path_factory.mktemp("mail") / "telemetry.db")
    for number in range(12):
        label = HOSTILE[number] if number < len(HOSTILE) else f"Cabinet {number}"
        since = rome("2026-09-01")
        key = house.add_ups(
            f"ups-{number}@closet", since, label, watts=90 + number, until=NOW, volts=225 + number
        )
        for hour in range(5):
            house.add_outage(key, rome("2026-10-03") + (hour * 12 + number) * 7300, 60 + hour)
    return house.path.parent


@pytest.fixture(scope="module")
def mail(folder):
    """The mail of October with CSV, parsed from its file."""
    return make(folder, ReportSettings("monthly", "month", ("mail",), csv=True))


def make(folder, report):
    made = make_report(site_config(folder, report), report.name, None, "http://house.lan:8001/volt", NOW)
    content = (reports_folder(folder / "telemetry.db") / made.file).read_bytes()
    return message_from_bytes(content, policy=SMTP)


def shape(part):
    """Content types of a mail, nested as they are."""
    if not part.is_multipart():
        return part.get_content_type()
    return part.get_content_type(), *(shape(inner) for inner in part.iter_parts())


class Elements(HTMLParser):
    """Tags with their attributes, and the texts between them."""

    def __init__(self, html):
        super().__init__()
        self.found, self.texts = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


def html_of(mail):
    return mail.get_body(("html",)).get_content()


def test_its_parts_are_nested_as_mail_programs_want_them(mail):
    kind, alternative, *files = shape(mail)
    assert kind == "multipart/mixed" and set(files) == {"text/csv"} and len(files) >= 6
    assert alternative[:2] == ("multipart/alternative", "text/plain")
    related = alternative[2]
    assert related[:2] == ("multipart/related", "text/html") and set(related[2:]) == {"image/png"}
    assert not mail.defects and not [part.defects for part in mail.walk() if part.defects]
    assert mail["auto-submitted"] == "auto-generated"


def test_each_picture_is_in_the_mail_and_is_shown_with_a_text_for_those_who_see_none(mail):
    parts = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    ids = [part["content-id"][1:-1] for part in parts]
    images = [attributes for tag, attributes in Elements(html_of(mail)).found if tag == "img"]
    assert [image["src"] for image in images] == [f"cid:{one}" for one in ids] and len(ids) == 7
    assert all(image["alt"] for image in images)
    assert all(part.get_content().startswith(PNG) for part in parts)
    assert all(len(part["content-id"]) < 60 for part in parts), "a folded one is not found"


def test_the_html_is_of_tables_with_inline_styles_alone(mail):
    html = html_of(mail)
    elements = Elements(html).found
    assert {tag for tag, _ in elements} <= set(
        "html head meta title body table tr td th h1 h2 p span strong br img a".split()
    )
    links = [
        value for _, attributes in elements for name, value in attributes.items() if name in ("href", "src")
    ]
    assert [link for link in links if not link.startswith("cid:")] == [
        "http://house.lan:8001/volt/reports?period=month&of=2026-10-01"
    ]
    assert "url(" not in html and "@media" not in html and len(html.encode()) < GMAIL
    assert {attributes["content"] for tag, attributes in elements if attributes.get("name") == "color-scheme"}


def test_hostile_names_are_texts(mail):
    html, texts = html_of(mail), Elements(html_of(mail)).texts
    assert "<script" not in html and any(text == HOSTILE[0] for text in texts)
    plain = mail.get_body(("plain",)).get_content()
    for text in (html, plain):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text.replace("\r\n", "\n"))
    assert "- line Subject: forged[31m" in plain and mail.get_all("subject") == [
        "Report October 2026 (Hill house)"
    ]
    days = next(part for part in mail.iter_attachments() if "energy_by_day-by-day" in part.get_filename())
    assert "ups-5@closet" in days.get_content() and "\n=" not in days.get_content()


def test_the_text_has_every_figure_of_the_html(mail):
    """In its tables and paragraphs: words of HTML cells are those of the text part."""
    text = re.sub(r"\s+", " ", mail.get_body(("plain",)).get_content())
    cells = [one.strip() for one in Elements(html_of(mail)).texts if re.search(r"\d", one)]
    pieces = [piece for cell in cells for piece in cell.split(" · ")]
    pieces = [piece.replace("\xa0", " ") for piece in pieces]
    missing = [piece for piece in pieces if piece not in text and piece.replace(" (", " ") not in text]
    assert missing == [] and len(pieces) > 150
    assert max(map(len, mail.get_body(("plain",)).get_content().splitlines())) <= 78


def test_no_line_is_too_long_for_a_server(mail):
    assert max(map(len, mail.as_bytes(policy=SMTP).split(b"\r\n"))) <= 998
    assert {part["content-transfer-encoding"] for part in mail.walk() if not part.is_multipart()} == {
        "quoted-printable",
        "base64",
    }


def test_it_can_be_read_without_sideways_scrolling(mail, chromium, tmp_path):
    page_of = tmp_path / "mail.html"
    html = html_of(mail)
    for part in mail.walk():
        if part.get_content_type() == "image/png":
            picture = tmp_path / part.get_filename()
            picture.write_bytes(part.get_content())
            html = html.replace(f"cid:{part['content-id'][1:-1]}", picture.name)
    page_of.write_text(html, encoding="utf-8")
    page = chromium.open("about:blank")
    for width in (360, 800):
        page.size(width, 900)
        page.go(page_of.as_uri())
        assert page.run("document.documentElement.scrollWidth") <= width
        assert page.run("[...document.images].every(image => image.naturalWidth > 500 && image.width <= 608)")
        assert page.run(
            "[...document.querySelectorAll('td, th')].every(e => e.scrollWidth <= e.clientWidth + 1)"
        )
    assert page.complaints() == []


def svg(text):
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="40" font-family="system-ui, sans-serif">'
        f'<rect width="200" height="40" fill="#fff"/>{text}</svg>'
    )


def test_a_text_is_drawn():
    """resvg leaves a text out, without an error, for which it has no font."""
    text = png_of(svg('<text x="10" y="25" font-size="16" font-weight="650">12.5 kWh</text>'))
    assert text.startswith(PNG) and text != png_of(svg(""))


def test_the_font_that_is_shipped_draws_it_where_the_machine_has_none(monkeypatch):
    from resvg_py import svg_to_bytes

    drawn = svg('<text x="10" y="25" font-size="16">12.5 kWh</text>')
    alone = svg_to_bytes(
        svg_string=drawn, skip_system_fonts=True, zoom=pictures.ZOOM, font_files=[str(pictures.FONT)],
        font_family=pictures.FAMILY, sans_serif_family=pictures.FAMILY,
    )  # fmt: skip
    assert bytes(alone) == png_of(drawn)
    without = svg_to_bytes(svg_string=drawn, skip_system_fonts=True, zoom=pictures.ZOOM)
    assert bytes(without) == png_of(svg("")), "so would it look without a font"


def test_the_font_has_its_licence_beside_it():
    licence = pictures.FONT.with_name("DejaVuSans.LICENSE.txt").read_text()
    assert "Bitstream Vera" in licence and "Arev Fonts Copyright" in licence
    assert pictures.FONT.stat().st_size < 800_000


def test_without_the_extra_the_mail_says_that_pictures_are_left_out(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    mail = make(folder, ReportSettings("plain", "month", ("mail",)))
    assert shape(mail) == ("multipart/alternative", "text/plain", "text/html")
    assert LEFT_OUT in " ".join(mail.get_body(("plain",)).get_content().split()) and "cid:" not in html_of(
        mail
    )
    assert "pip install" in html_of(mail)


def test_what_a_killed_program_left_is_removed(tmp_path, mail):
    for name, age in ((".part-old", 7200), (".part-new", 60)):
        (tmp_path / name).write_text("half a mail")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    keep_report(tmp_path, "monthly", "2026-10", mail, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".part-new", "monthly.2026-10.eml"]


def test_the_newest_are_kept(tmp_path, mail):
    for month in range(1, 6):
        keep_report(tmp_path / "reports", "monthly", f"2026-0{month}", mail, 3)
    keep_report(tmp_path / "reports", "daily", "2026-10-14", mail, 3)
    keep_report(tmp_path / "reports", "monthly", "2025-12", mail, 3)  # made last, so it stays
    kept = list_kept(tmp_path / "reports")
    assert sorted(one.file for one in kept) == [
        "daily.2026-10-14.eml",
        "monthly.2025-12.eml",
        "monthly.2026-04.eml",
        "monthly.2026-05.eml",
    ]
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "reports").iterdir()} == {0o640}
    assert [one.period for one in kept if one.name == "daily"] == ["2026-10-14"]


@pytest.mark.parametrize(
    "file", ["../telemetry.db", "monthly.2026-10.eml/../x", "", "monthly.2026-99", "a.eml"]
)
def test_no_other_file_is_read(tmp_path, file):
    assert read_kept(tmp_path, file) is None


def test_a_mail_that_is_kept_no_longer_is_sent_as_its_summary(tmp_path):
    text = "2 outages.\nhttp://house.lan/reports"
    message = AlertMessage("Report", text, "OK", DeliveryKind.REPORT, report="monthly.2026-10.eml")
    content = report_reader(tmp_path)(message).get_content()
    assert text in content and "not kept any longer" in content


def test_a_report_half_written_leaves_the_old_one(tmp_path, mail, monkeypatch):
    keep_report(tmp_path, "monthly", "2026-10", mail, 3)
    before = (tmp_path / "monthly.2026-10.eml").read_bytes()
    monkeypatch.setattr(
        "os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(OSError, match="No space left"):
        keep_report(tmp_path, "monthly", "2026-10", mail, 3)
    assert [path.name for path in Path(tmp_path).iterdir()] == ["monthly.2026-10.eml"]
    assert (tmp_path / "monthly.2026-10.eml").read_bytes() == before
