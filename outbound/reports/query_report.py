"""A report of the rows of a canned query: as a table where that fits a phone, else row by row."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence

from ingest.config.periodic import ReportSettings
from ingest.nearest import nearest
from outbound.reports.document import ReportDocument, ReportRow, ReportSection, ReportTable
from outbound.reports.model import ReportError
from outbound.reports.tables import SLOW, table
from reporting.canned_queries import CannedQuery, QueryReader, Row, Rows
from reporting.charts import Chart
from reporting.charts.from_rows import ChartSpec, SeriesStyle, draw_rows
from reporting.column_titles import DURATION, TIME, column_title
from reporting.formatting import UNKNOWN, format_figure, format_length, format_local, plural
from reporting.report_period import Period
from reporting.sql_functions import check_parameters

MOST_READ = 10_000  # rows of a query
MOST_COLUMNS = 4  # of a table on a phone
HIDDEN = ("href",)  # columns that serve the site alone
NAMES = ("period", "name", "label", "title")  # columns that say what a row is of
SPAN = ("since", "until")


def query_problems(report: ReportSettings, queries: Mapping[str, CannedQuery]) -> Iterator[tuple[str, str]]:
    """Yield (key, what is wrong) of a report with a query: its name and its parameters."""
    if not report.query:
        return
    query = queries.get(report.query)
    readable = [name for name, one in queries.items() if not one.writes]
    if query is None:
        yield "query", f"there is no query {report.query!r}: {nearest(report.query, readable)}"
    elif query.writes:
        yield "query", f"{report.query} changes rows: a report reads; {nearest(report.query, readable)}"
    else:
        for name in report.params:
            if name not in query.params:
                known = nearest(name, query.params) if query.params else "it has none"
                yield f"params.{name}", f"{report.query} has no such parameter: {known}"


def read_query(reader: QueryReader, report: ReportSettings, query: CannedQuery, period: Period) -> Rows:
    """The rows of the period; None where they took too long. Raises ReportError."""
    span = {name: text for name, text in period.utc_params.items() if name in query.params}
    params = query.fill({**span, **report.params})
    try:
        check_parameters(query.sql, params, period.timezone)
        return reader.select(query.sql, params, MOST_READ)
    except (ValueError, sqlite3.Error) as error:
        raise ReportError(f"The query {report.query} cannot be run: {error}; see metadata.yml") from None


def is_of_period(report: ReportSettings, query: CannedQuery) -> bool:
    """Whether the rows are those of a time; else they are those of now."""
    return any(name in query.params for name in SPAN) and not set(report.params) & {*SPAN, "range"}


def build_query_report(
    report: ReportSettings,
    query: CannedQuery,
    rows: Rows,
    period: Period,
    labels: Mapping[str, str],
    made: str,
    link: str,
) -> ReportDocument:
    """The document of these rows. `labels` are those of UPSes by name; `made` says where and when."""
    title = f"{query.title}: {period.title}" if is_of_period(report, query) else query.title
    about = made if is_of_period(report, query) else f"{made} The rows are those of that time."
    if rows is None:
        return ReportDocument(title, about, SLOW, link=link)
    more = " or more, of which these are the first" if len(rows) == MOST_READ else ""
    summary = f"{plural(len(rows), 'row')}{more}." if rows else "No rows."
    shown = [[name for name in row if name not in HIDDEN] for row in rows[:1]]
    chart = _chart(query, rows, period.timezone, labels)
    tables = (_table(shown[0], _with_labels(rows, labels), period.timezone),) if shown else ()
    section = ReportSection("Rows", (), tables, (chart,) if chart else (), (chart.label,) if chart else ())
    return ReportDocument(title, about, summary, (), (section,) if rows else (), (), link)


def _with_labels(rows: Sequence[Row], labels: Mapping[str, str]) -> list[Row]:
    """The rows with UPSes as people call them."""
    return [
        {**row, "name": labels[row["name"]]} if "name" in row and row["name"] in labels else row
        for row in rows
    ]


def _table(columns: Sequence[str], rows: Sequence[Row], timezone: str) -> ReportTable:
    if len(columns) <= MOST_COLUMNS:
        head = [column_title(name).words for name in columns]
        return table(
            head, (ReportRow(tuple(cell_text(name, row[name], timezone) for name in columns)) for row in rows)
        )
    first = next((name for name in columns if name in NAMES), columns[0])
    others = [name for name in columns if name != first]
    listed = (
        ReportRow(
            (cell_text(first, row[first], timezone),),
            tuple(
                f"{column_title(name).words}: {cell_text(name, row[name], timezone)}"
                for name in others
                if row[name] not in (None, "")
            ),
        )
        for row in rows
    )
    return table((column_title(first).words,), listed)


def cell_text(column: str, value: object, timezone: str) -> str:
    """A cell as people read it, with the unit that its column has."""
    about = column_title(column)
    if value is None or value == "":
        return UNKNOWN
    if isinstance(value, str):
        return format_local(value, timezone) if about.kind == TIME else value
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if not isinstance(value, int | float):
        return str(value)
    return format_length(value) if about.kind == DURATION else format_figure(value, about.unit)


def _chart(query: CannedQuery, rows: Sequence[Row], timezone: str, labels: Mapping[str, str]) -> Chart | None:
    """The chart that the page of the query has, where the rows are a series."""
    spec = ChartSpec.parse(query.fragment)
    if spec is None:
        return None
    styles = {name: SeriesStyle(label, place) for place, (name, label) in enumerate(labels.items(), 1)}
    about = column_title(spec.y)
    unit = about.unit or ("s" if about.kind == DURATION else "")
    return draw_rows(query.title, spec, rows, unit, timezone, lambda own: styles.get(own, SeriesStyle(own)))
