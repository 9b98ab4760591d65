"""What Datasette's own pages show besides: whose row a row is, and what it is called."""

from collections.abc import Sequence
from typing import NamedTuple

from datasette.utils import to_css_class

from ingest.schema.mysensors import COMMANDS
from plugins.web.compat import described_tables
from plugins.web.render.cells import TARGETS
from plugins.web.render.names import COLUMNS, KINDS, Named, read_names
from plugins.web.site import Site
from plugins.web.table_guard import FOR_SIGNED_IN
from reporting.column_titles import ColumnTitle, column_title
from reporting.formatting import format_second
from reporting.message_text import describe_row

OF_TABLES = {target.split("/")[2]: kind for kind, target in TARGETS.items()}  # table -> the kind of its rows
DUPLICATES = frozenset("node ups sensor channel ref title label href".split())  # of the column `name`


class SubjectPage(NamedTuple):
    """A page that a row is about: `Node`, its label, its address."""

    kind: str
    label: str
    page: str


class RowSubject(NamedTuple):
    """What a row is called, and the pages that it is about."""

    title: str
    links: list[SubjectPage]


async def row_subject(site: Site, table: str, columns: Sequence[str], row: Sequence[object]) -> RowSubject:
    """What the page of a row says above it."""
    names = await read_names(site)
    values = dict(zip(columns, row, strict=True))
    own = names.of(OF_TABLES.get(table, ""), values.get("id"))
    things = {OF_TABLES[table]: own} if own else {}
    for column in columns:
        known = names.of(column, values[column])
        if known and known not in things.values():
            things.setdefault(COLUMNS[column], known)
    links = [SubjectPage(KINDS[kind], thing.label, thing.page) for kind, thing in things.items()]
    return RowSubject(_title(site, table, values, own), links)


def _title(site: Site, table: str, values: dict[str, object], own: Named | None) -> str:
    if own:
        return own.label
    if table == "messages":
        said = describe_row(values | {"command_name": COMMANDS[int(str(values["command"]))]})
        return f"{said.text} {said.value}".strip().capitalize()
    label = described_tables(site).get(table, {}).get("label_column")
    if label and values.get(label):
        return str(values[label])
    title = described_tables(site).get(table, {}).get("title") or table
    at = next((str(values[name]) for name in ("at", "started_at", "received_at", "sampled_at", "created_at")
               if values.get(name)), "")  # fmt: skip
    return f"{title}, {format_second(at, site.timezone)}" if at else str(title)


def table_titles(site: Site) -> dict[str, str]:
    """Name -> title of the tables and views that everybody reads."""
    return {
        name: str(about["title"])
        for name, about in sorted(described_tables(site).items())
        if not about.get("hidden") and name not in FOR_SIGNED_IN
    }


class Head(NamedTuple):
    """A column of a table: its title in parts, and its class for style sheets."""

    words: str
    unit: str
    kind: str
    css: str


def column_heads(names: Sequence[str]) -> dict[str, Head]:
    """Column -> its head, made once for all rows."""
    return {name: Head(*column_title(name), f"col-{to_css_class(name)}") for name in names}


async def column_titles(site: Site, columns: Sequence[str]) -> list[ColumnTitle]:
    """Titles of the columns of a query; one that is named after a UPS has the label of that."""
    names = await read_names(site)
    return [
        ColumnTitle(names.upses[name].label) if name in names.upses else column_title(name)
        for name in columns
    ]


def shown_columns(
    columns: Sequence[str], rows: Sequence[Sequence[object]], is_canned: bool, first: Sequence[str] = ()
) -> list[int]:
    """Positions of the columns that the page of a query shows.

    Those of a canned query which are not `first` (`first_columns` of metadata.yml) or, where it names none,
    repeat the name as an id, and those that are empty in all rows, stand in its JSON alone.
    """
    if not is_canned:
        return list(range(len(columns)))
    left_out = DUPLICATES if "name" in columns else {"href"}
    wanted = set(first) or set(columns) - left_out
    return [
        at
        for at, column in enumerate(columns)
        if column in wanted and any(row[at] not in (None, "") for row in rows)
    ]
