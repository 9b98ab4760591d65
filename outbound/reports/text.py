"""A report as plain text, which can be read by itself: every figure of the HTML, charts by their captions."""

from textwrap import wrap

from outbound.reports.document import (
    ReportDocument,
    ReportRow,
    ReportSection,
    ReportTable,
    clean,
)

WIDTH = 76  # letters of a line


def render_text(document: ReportDocument) -> str:
    """The whole report."""
    title = clean(document.title)
    blocks = [
        f"{title}\n{'=' * min(WIDTH, len(title))}",
        _paragraph(document.about),
        _paragraph(document.summary),
        "\n".join(
            _item(f"{one.label}: {one.value}" + (f" ({one.note})" if one.note else ""))
            for one in document.tiles
        ),
        *(_section(section) for section in document.sections),
        *(_paragraph(note) for note in document.notes),
        f"Open it on the site:\n{document.link}" if document.link else "",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _paragraph(text: str, indent: str = "") -> str:
    return "\n".join(
        wrap(clean(text), WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    )


def _item(text: str) -> str:
    return "\n".join(
        wrap(clean(text), WIDTH, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
    )


def _section(section: ReportSection) -> str:
    title = clean(section.title)
    parts = [
        f"\n{title.upper()}\n{'-' * min(WIDTH, len(title))}",
        *(_table(table) for table in section.tables),
        *(_paragraph(text) for text in section.paragraphs),
        *(_paragraph(caption) for caption in section.captions),
    ]
    return "\n".join(parts)


def _table(table: ReportTable) -> str:
    parts = [_paragraph(f"{table.caption}:")] if table.caption else []
    parts += [_row(table, row) for row in table.rows]
    if table.more:
        parts.append(f"{table.more:,} more rows are left out.")
    return "\n".join(parts)


def _row(table: ReportTable, row: ReportRow) -> str:
    first, *others = row.cells
    cells = " · ".join(f"{name} {value}" for name, value in zip(table.head[1:], others, strict=True))
    lines = [_item(first), _paragraph(cells, "  ")]
    lines += [_paragraph(note, "  ") for note in row.notes]
    return "\n".join(line for line in lines if line)
