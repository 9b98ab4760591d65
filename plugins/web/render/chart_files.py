"""Charts of a page as files: `_svg=KEY` at the page's own address, under the rights of the page."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from urllib.parse import parse_qsl, urlencode

from datasette import Request, Response

from reporting.charts import Chart

PARAMETER = "_svg"
DEPTH, MOST = 4, 200  # how far the context of a page is searched, and how many things of a list
PLAIN = (str, int, float, bytes, type(None))
OWN = ("plugins.", "reporting.")  # where dataclasses that are searched come from


def find_charts(context: object, depth: int = DEPTH) -> Iterator[Chart]:
    """Every chart in the context of a page."""
    if isinstance(context, Chart):
        yield context
    elif depth:
        for part in _parts(context):
            yield from find_charts(part, depth - 1)


def _parts(whole: object) -> list[object]:
    if isinstance(whole, Mapping):
        return [part for part in whole.values() if not isinstance(part, PLAIN)][:MOST]
    if isinstance(whole, list | tuple):
        return [part for part in whole[:MOST] if not isinstance(part, PLAIN)]
    if is_dataclass(whole) and not isinstance(whole, type) and type(whole).__module__.startswith(OWN):
        return [getattr(whole, one.name) for one in fields(whole)]
    return []


def name_charts(context: object, request: Request) -> list[Chart]:
    """Give each chart of a page a key of its own and the address of its file."""
    charts: list[Chart] = []
    for chart in find_charts(context):
        if any(chart is other for other in charts):
            continue
        taken = {other.key for other in charts}
        key, number = chart.key, 2
        while chart.key in taken:
            chart.key, number = f"{key}-{number}", number + 1
        given = [(name, value) for name, value in parse_qsl(request.query_string) if name != PARAMETER]
        chart.saved_at = f"{request.path}?{urlencode([*given, (PARAMETER, chart.key)], safe='@')}"
        charts.append(chart)
    return charts


def chart_file(charts: list[Chart], key: str) -> Response | None:
    """The file that a request asks for; None where the page has no such chart."""
    chart = next((one for one in charts if one.key == key), None)
    if chart is None:
        return None
    headers = {"content-disposition": f'attachment; filename="{chart.key}.svg"', "cache-control": "no-store"}
    return Response(str(chart.standalone_svg()), content_type="image/svg+xml; charset=utf-8", headers=headers)
