"""Links in the cells of views and queries, and the choices of parameters of canned queries."""

import sqlite3

from markupsafe import Markup

from ingest.schema.overview import VIEWS
from plugins.web.query import select
from plugins.web.render.filters import STATES, state_pill
from plugins.web.render.swatch import swatch
from plugins.web.site import Site
from reporting.periods import ALL_PERS

MOST = 500  # choices in a list; more are typed
HISTORY = (
    "input_voltage",
    "output_voltage",
    "ups_load",
    "watts",
    "battery_charge",
    "battery_voltage",
    "battery_runtime",
    "ups_temperature",
    "input_frequency",
)
CHART = (
    "g.mark=line&g.x_column=at&g.x_type=temporal&g.y_column=value&g.y_type=quantitative&g.color_column=name"
)
PAYLOADS = ("text", "payload")  # columns, beside one with the V_ type
TARGETS = {  # column -> where its values lead
    "node": "/telemetry/nodes/{}",
    "sensor": "/telemetry/value_latest?sensor={}",
    "channel": "/telemetry/channel_history?channel={}#" + CHART,
    "message": "/telemetry/messages/{}",
    "gateway": "/nodes?gateway={}",
    "ups": "/telemetry/ups/{}",
}
QUERIES = {  # parameter -> its choices
    "node": "select id as value, name || ' (' || id || ')' as label from nodes order by id",
    "sensor": "select id as value, name || ' (' || id || ')' as label from sensors order by id",
    "channel": "select id as value, name as label from channels order by id",
    "ups": """select name as value,
      case label when name then name else label || ' (' || name || ')' end as label from ups order by id""",
    "gateway": "select name as value, name as label from gateways order by id",
    "command": "select name as value, name as label from commands order by id",
}
LISTS = {  # parameter -> its choices
    "range": ("6 h", "24 h", "2 d", "7 d", "30 d", "90 d", "1 y"),
    "per": ALL_PERS,
    "figure": HISTORY,
    "differing": ("1",),
    "strange": ("1",),
    "step": ("0.5", "1", "2", "5"),
    "kind": ("UPS", "node", "gateway", "clock"),
}
OF_QUERIES = {  # (query, parameter) -> its choices, where they are others
    ("message_statistics", "per"): ("node", "sensor", "type"),
}


def link(row: sqlite3.Row, value: object, column: str, table: str | None) -> Markup | None:
    """The cell as Markup, or None to leave it as it is. Tables keep the links made from foreign keys."""
    if value in (None, "") or isinstance(value, dict):
        return None
    if column in ("state", "severity", "verdict") and value in STATES:
        return state_pill(str(value))
    if column in PAYLOADS:
        return _coloured(row, value)
    if table is not None and table not in VIEWS:
        return None
    return _anchor(row, value, column)


def _coloured(row: sqlite3.Row, value: object) -> Markup | None:
    """A text with the square of its colour, where the V_ type beside it is that of a colour."""
    columns = row.keys()  # a sqlite3.Row iterates its values
    type_name = next((str(row[name]) for name in ("type_name", "type") if name in columns), "")
    square = swatch(type_name, value)
    return square + str(value) if square else None


def _anchor(row: sqlite3.Row, value: object, column: str) -> Markup | None:
    """A value that leads somewhere, as a link."""
    columns = row.keys()  # a sqlite3.Row iterates its values
    href = str(row["href"] or "") if "href" in columns else ""
    if column in ("name", "subject") and href.startswith("/"):
        target = href
    elif column == "href" and str(value).startswith("/"):
        target = str(value)
    elif column in TARGETS:
        target = TARGETS[column].format(value)
    else:
        return None
    return Markup('<a href="{}">{}</a>').format(target, value)


async def choices(site: Site, name: str, query: str | None = None) -> list[tuple[object, str]] | None:
    """(value, label) pairs for the parameter `name` of a canned query, or None where it is typed."""
    listed = OF_QUERIES.get((query or "", name)) or LISTS.get(name)
    if listed:
        return [(value, value) for value in listed]
    if name not in QUERIES:
        return None
    rows = await select(site, f"{QUERIES[name]} limit {MOST + 1}")
    return [(row["value"], row["label"]) for row in rows] if rows and len(rows) <= MOST else None
