"""Charts of canned queries: on the page of a query that has a `fragment:`, and as `/telemetry/NAME.svg`."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from datasette import Request, Response

from plugins.web.compat import written_queries
from plugins.web.on_request import CHART, EDITOR
from plugins.web.query import DATABASE
from plugins.web.render.names import read_names
from plugins.web.responses import PageError
from plugins.web.row_pages import PARAMETER, row_page
from plugins.web.site import Site
from reporting.charts import Chart
from reporting.charts.from_rows import ChartSpec, SeriesStyle, draw_rows
from reporting.column_titles import DURATION, column_title

OPTIONS = (CHART, EDITOR, PARAMETER, "_show_sql", "_hide_sql")  # of the page, not of the query
FIGURE, USUAL_FIGURE = "figure", "input_voltage"  # the parameter that says what a history is of


class QueryChart(NamedTuple):
    """The chart at once, None where the rows are no time series; the address of datasette-vega's chart."""

    chart: Chart | None
    draw_url: str


async def query_chart(
    site: Site, request: Request, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> QueryChart | None:
    """What the page of a canned query shows above its rows; None for a query without a `fragment:`."""
    fragment = written_queries(site).get(name, {}).get("fragment")
    if not fragment:
        return None
    page = row_page.get()
    chart = await draw_query(site, name, request.args, columns, page.rows if page else rows)
    given = [(key, value) for key, value in parse_qsl(request.query_string) if key not in OPTIONS]
    if chart:
        chart.saved_at = _address(f"/{DATABASE}/{name}.svg", given)
    return QueryChart(chart, f"{_address(f'/{DATABASE}/{name}', [*given, (CHART, '1')])}#{fragment}")


def _address(path: str, given: Sequence[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(given, safe='@')}" if given else path


async def draw_query(
    site: Site,
    name: str,
    given: Mapping[str, str],
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
) -> Chart | None:
    """The chart of the rows of a canned query."""
    query = written_queries(site).get(name, {})
    spec = ChartSpec.parse(query.get("fragment") or "")
    if spec is None:
        return None
    upses = list((await read_names(site)).upses.items())
    styles = {ups.label: SeriesStyle(ups.label, place) for place, (_, ups) in enumerate(upses, 1)}
    styles |= {own: SeriesStyle(ups.label, place) for place, (own, ups) in enumerate(upses, 1)}
    figure = given.get(FIGURE) or USUAL_FIGURE if FIGURE in (query.get("params") or ()) else spec.y
    about = column_title(figure)
    title = f"{query.get('title') or name}: {about.words}" if figure != spec.y else query.get("title") or name
    unit = about.unit or ("s" if about.kind == DURATION else "")
    found = [dict(zip(columns, row, strict=True)) for row in rows]
    return draw_rows(title, spec, found, unit, site.timezone, lambda own: styles.get(own, SeriesStyle(own)))


async def svg_of_query(
    site: Site, request: Request, name: str | None, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> Response:
    """The file of the chart of a canned query."""
    chart = await draw_query(site, name, request.args, columns, rows) if name else None
    if chart is None:
        raise PageError(
            404, "These rows have no chart: they are of several units, of too many things, or none"
        )
    headers = {"content-disposition": f'attachment; filename="{name}.svg"'}
    return Response(str(chart.standalone_svg()), content_type="image/svg+xml; charset=utf-8", headers=headers)
