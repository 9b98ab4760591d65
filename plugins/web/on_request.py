"""What Datasette's own pages load only when their address asks for it: charts and the editor for SQL.

`?_chart=1` loads datasette-vega, a megabyte whose Vega compiles its expressions; `?_edit=1` loads CodeMirror.
Both are plain links, so they work without JavaScript; other pages stay small and under the strict policy.
"""

import re
from typing import NamedTuple

from datasette import Request
from datasette.utils import path_with_replaced_args

CHART, EDITOR = "_chart", "_edit"


def asks_for(path: str, query_string: str, name: str) -> bool:
    """True where a request for a page of the database has `NAME=1` in its query string."""
    return path.startswith("/telemetry") and bool(re.search(rf"(?:^|&){name}=1(?:&|$)", query_string))


class OnRequest(NamedTuple):
    """What a page loads, and the address of the same page with the other choice."""

    chart: bool = False
    chart_url: str = ""
    editor: bool = False
    editor_url: str = ""


def on_request(request: Request | None) -> OnRequest:
    """The choices of a request."""
    if request is None:
        return OnRequest()
    chart, editor = (asks_for(request.path, request.query_string, name) for name in (CHART, EDITOR))
    return OnRequest(chart, _switched(request, CHART, chart), editor, _switched(request, EDITOR, editor))


def _switched(request: Request, name: str, is_on: bool) -> str:
    address: str = path_with_replaced_args(request, {name: None if is_on else "1"})
    return address
