"""A report as HTML for mails: tables and inline styles alone, since mail programs drop all else.

Nothing is loaded from elsewhere: pictures are parts of the mail, named by `cid:`. The widest column is that
of names, whose letters may break, so that the mail needs no scrolling sideways on a phone.
"""

from collections.abc import Mapping, Sequence
from html import escape

from outbound.reports.document import (
    ReportDocument,
    ReportRow,
    ReportSection,
    ReportTable,
    ReportTile,
    clean,
)
from reporting.charts import Chart
from reporting.formatting import NARROW_SPACE

WIDTH = 640  # pixels, at most
INK, MUTED, LINE, PAPER, AROUND = "#1d1d1b", "#5c5c57", "#dcdcd6", "#ffffff", "#f1f1ee"
FONT = "Arial,Helvetica,sans-serif"
BREAKS = "word-break:break-word;overflow-wrap:anywhere"
TEXT = f"color:{INK};{BREAKS}"
BODY = f"font:15px/22px {FONT};color:{INK}"
SMALL = f"font:13px/18px {FONT};color:{MUTED}"
CELL = f"font:13px/18px {FONT};color:{INK};padding:6px 0 2px 8px;border-top:1px solid {LINE}"
NAME = f"{CELL};padding-left:0;text-align:left;{BREAKS}"
HEAD = f"font:12px/16px {FONT};color:{MUTED};padding:4px 0 4px 8px;vertical-align:bottom"
PLAIN_TABLE = 'width="100%" cellpadding="0" cellspacing="0" border="0"'
TABLE = f'role="presentation" {PLAIN_TABLE}'

Pictures = Mapping[str, str]  # key of a chart -> Content-ID of its picture


def shown(text: str) -> str:
    """A text for HTML. No line ends between a number and its unit."""
    return "&nbsp;".join(escape(clean(part)) for part in text.split(NARROW_SPACE))


def render_html(document: ReportDocument, pictures: Pictures) -> str:
    """The whole page. Charts of which there is no picture are left out."""
    parts = [
        f'<h1 style="margin:0 0 4px;font:bold 22px/28px {FONT};{TEXT}">{shown(document.title)}</h1>',
        _paragraph(document.about, f"margin:0 0 12px;{SMALL}"),
        _paragraph(document.summary, f"margin:0 0 16px;{BODY}"),
        _tiles(document.tiles),
        *(_section(section, pictures) for section in document.sections),
        *(_paragraph(note, f"margin:16px 0 0;{SMALL}") for note in document.notes),
        _link(document.link),
    ]
    return _page(document.title, "".join(parts))


def _paragraph(text: str, style: str) -> str:
    return f'<p style="{style};{BREAKS}">{shown(text)}</p>' if text else ""


def _page(title: str, content: str) -> str:
    mso = f'<!--[if mso]><table {TABLE.replace("100%", str(WIDTH))} align="center"><tr><td><![endif]-->'
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light"><meta name="supported-color-schemes" content="light">'
        f"<title>{shown(title)}</title></head>"
        f'<body style="margin:0;padding:0;background:{AROUND}" bgcolor="{AROUND}">'
        f'<table {TABLE} bgcolor="{AROUND}" style="background:{AROUND}">'
        f'<tr><td align="center" style="padding:8px">{mso}'
        f'<table {TABLE} bgcolor="{PAPER}" style="max-width:{WIDTH}px;background:{PAPER};text-align:left">'
        f'<tr><td style="padding:20px 16px;{BODY}">{content}</td></tr></table>'
        "<!--[if mso]></td></tr></table><![endif]--></td></tr></table></body></html>\n"
    )


def _tiles(tiles: Sequence[ReportTile]) -> str:
    rows = "".join(
        f'<tr><td style="{NAME}">{shown(one.label)}</td>'
        f'<td style="{CELL};text-align:right;{BREAKS}">'
        f'<strong style="font-size:15px">{shown(one.value)}</strong>'
        + (f'<br><span style="color:{MUTED}">{shown(one.note)}</span>' if one.note else "")
        + "</td></tr>"
        for one in tiles
    )
    return f"<table {TABLE}>{rows}</table>" if rows else ""


def _section(section: ReportSection, pictures: Pictures) -> str:
    parts = [
        f'<h2 style="margin:28px 0 6px;font:bold 17px/22px {FONT};{TEXT}">{shown(section.title)}</h2>',
        *(_table(table) for table in section.tables),
        *(_paragraph(text, f"margin:8px 0 0;{SMALL}") for text in section.paragraphs),
        *(_picture(chart, pictures[chart.key]) for chart in section.charts if chart.key in pictures),
    ]
    return "".join(parts)


def _table(table: ReportTable) -> str:
    first, *others = table.head
    width = ' width="26%"' if others else ""
    head = f'<th scope="col" align="left"{width} style="{HEAD};padding-left:0">{shown(first)}</th>' + "".join(
        f'<th scope="col" align="right" style="{HEAD};text-align:right">{shown(name)}</th>' for name in others
    )
    rows = "".join(_row(row, len(table.head)) for row in table.rows)
    more = f"{table.more:,} more rows are left out." if table.more else ""
    return (
        _paragraph(table.caption, f"margin:0 0 4px;{SMALL}")
        + f"<table {PLAIN_TABLE}><tr>{head}</tr>{rows}</table>"
        + _paragraph(more, f"margin:4px 0 0;{SMALL}")
    )


def _row(row: ReportRow, columns: int) -> str:
    first, *others = (shown(cell) for cell in row.cells)
    weight = ";font-weight:bold" if row.is_total else ""
    cells = (
        f'<th scope="row" align="left" style="{NAME}{weight}"><span dir="auto">{first}</span></th>'
        + "".join(f'<td align="right" style="{CELL}{weight};text-align:right">{cell}</td>' for cell in others)
    )
    if not row.notes:
        return f"<tr>{cells}</tr>"
    notes = " · ".join(shown(note) for note in row.notes)
    style = f"{SMALL};padding:0 0 6px;{BREAKS}"
    return f'<tr>{cells}</tr><tr><td colspan="{columns}" style="{style}">{notes}</td></tr>'


def _picture(chart: Chart, cid: str) -> str:
    return (
        f'<img src="cid:{escape(cid)}" alt="{shown(chart.label)}" width="608" '
        f'style="display:block;width:100%;max-width:608px;height:auto;margin:12px 0 0;border:0">'
    )


def _link(link: str) -> str:
    if not link:
        return ""
    anchor = f'<a href="{escape(link)}" style="color:#0072b2">Open it on the site</a>'
    return f'<p style="margin:12px 0 0;{BODY}">{anchor}</p>'
