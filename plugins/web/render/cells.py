"""Cells of tables, views and queries as people read them; the choices of parameters of canned queries."""

import re
import sqlite3

from markupsafe import Markup

from ingest.schema.overview import VIEWS
from plugins.web.query import select
from plugins.web.render.filters import STATES, state_pill
from plugins.web.render.names import COLUMNS, Named, Names
from plugins.web.render.swatch import swatch
from plugins.web.site import Site
from reporting.column_titles import column_title, is_duration
from reporting.formatting import all_names, format_computed, format_figure, format_length, format_second
from reporting.message_text import format_version
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
FLAGS = frozenset(
    """answers_version complete configured differs echo gives_ids in_use is_open listed low_battery
    metric repeat shown sleeps suspect wanted_newer writable""".split()
)
COMPUTED = ("avg", "usual", "spread")  # columns of means
NAME_LISTS = ("names", "with_ups")  # columns of names of UPSes
PAYLOADS = ("text", "payload")  # columns, beside one with the V_ type
TARGETS = {  # kind -> its row
    "node": "/telemetry/nodes/{}",
    "sensor": "/telemetry/sensors/{}",
    "channel": "/telemetry/channels/{}",
    "gateway": "/telemetry/gateways/{}",
    "ups": "/telemetry/ups/{}",
}
UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
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


def render(
    names: Names, timezone: str, row: sqlite3.Row, value: object, column: str, table: str | None
) -> Markup | None:
    """The cell as Markup, or None to leave it as it is."""
    if value in (None, ""):
        return None
    if isinstance(value, dict):  # a foreign key with the label of its row
        return _foreign(names, value, column)
    if column in NAME_LISTS:
        return _name_list(names, str(value))
    cell = _of_column(row, value, column, table) or _of_value(value, column, timezone)
    if cell is not None or (table is not None and table not in VIEWS and column not in ("name", *COLUMNS)):
        return cell
    return _anchor(names, row, value, column)


def _of_column(row: sqlite3.Row, value: object, column: str, table: str | None) -> Markup | None:
    """A cell that its column makes what it is."""
    if column in ("state", "severity", "verdict"):
        return state_pill(str(value)) if value in STATES else None
    if column in PAYLOADS:
        return _payload(row, value)
    if column == "sketch_version":
        return _version(value)
    if column == "figure" and table is None:
        return Markup("{}").format(column_title(str(value)).words)
    return Markup("yes" if value else "no") if column in FLAGS and value in (0, 1) else None


def _of_value(value: object, column: str, timezone: str) -> Markup | None:
    """A time, a length or a number."""
    if isinstance(value, str):
        return _time(value, timezone) if UTC_TIME.fullmatch(value) else None
    if isinstance(value, (int, float)) and is_duration(column):
        return _duration(value)
    if not isinstance(value, float):
        return None
    return _computed(value) if column in COMPUTED else Markup(format_figure(value))


def _computed(value: float, unit: str = "") -> Markup:
    """A figure that was computed of several, and all its digits behind it."""
    shown, exact = format_computed(value), format_figure(value)
    shown += f"&nbsp;{unit}" if unit else ""
    if float(format_computed(value)) == float(exact):
        return Markup(shown)
    return Markup('<span title="{}">{}</span>').format(f"{exact} {unit}".rstrip(), Markup(shown))


def _name_list(names: Names, value: str) -> Markup | None:
    """Names of UPSes by their labels; all of them as a count."""
    listed = [name.strip() for name in value.split(",")]
    if not all(name in names.upses for name in listed):
        return None
    return Markup("{}").format(all_names([names.upses[name].label for name in listed], len(names.upses)))


def _time(value: str, timezone: str) -> Markup:
    """A time of the site's zone, with what is stored behind it."""
    shown = format_second(value, timezone)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        value, value[:-1].replace("T", " "), shown
    )


def _duration(seconds: float) -> Markup:
    """A length with its two greatest units, and the seconds behind it."""
    if seconds < 60:
        return _computed(float(seconds), "s")
    return Markup('<span title="{} s">{}</span>').format(
        format_figure(float(seconds)), format_length(seconds)
    )


def _version(value: object) -> Markup | None:
    """The version of a sketch without the keywords of its version control."""
    text = format_version(str(value))
    return None if text == value else Markup("{}").format(text)


def _payload(row: sqlite3.Row, value: object) -> Markup | None:
    """A payload with the square of its colour, where the V_ type beside it is that of a colour."""
    columns = row.keys()  # a sqlite3.Row iterates its values
    type_name = next((str(row[name]) for name in ("type_name", "type") if name in columns), "")
    square = swatch(type_name, value)
    return square + str(value) if square else _version(value)


def _foreign(names: Names, value: dict[str, object], column: str) -> Markup | None:
    """The label of another row, which leads to the page of that thing; small, the id of the row."""
    known, id = names.of(column, value.get("value")), value.get("value")
    if known is None:
        return None
    row = Markup(TARGETS[COLUMNS[column]]).format(id)
    return Markup('<a href="{}"><bdi>{}</bdi></a> <a class="minor" href="{}">{}</a>').format(
        known.page, known.label, row, id
    )


def _anchor(names: Names, row: sqlite3.Row, value: object, column: str) -> Markup | None:
    """A value that leads somewhere, as a link."""
    if column in ("name", "subject"):
        return _name(names, row, value)
    if column in ("href", "channel_href") and str(value).startswith("/"):
        return Markup('<a href="{}">{}</a>').format(value, value)
    if column == "gateway" and isinstance(value, str):
        return Markup('<a href="/nodes?gateway={}"><bdi>{}</bdi></a>').format(value, value)
    if known := names.of(column, value):
        return Markup('<a href="{}"><bdi>{}</bdi></a>').format(known.page, known.label)
    if column == "message":
        return Markup('<a href="/telemetry/messages/{}">{}</a>').format(value, value)
    return None


def _name(names: Names, row: sqlite3.Row, value: object) -> Markup:
    """What a row is about: its label as a link; small, what tells it from others of that label."""
    columns = row.keys()  # a sqlite3.Row iterates its values
    found: dict[str, object] = {
        name: row[name] for name in ("channel_href", "href", "channel", "ups", "ref") if name in columns
    }
    ups = names.upses.get(str(value))
    label, ref = (ups.label, str(value)) if ups else (str(value), str(found.get("ref") or ""))
    page = str(found.get("channel_href") or found.get("href") or "") or _page_of(names, found, ups, ref)
    text = Markup("<bdi>{}</bdi>").format(label)
    if page.startswith("/"):
        text = Markup('<a href="{}">{}</a>').format(page, text)
    return text + Markup(' <span class="minor ref">{}</span>').format(ref) if ref not in ("", label) else text


def _page_of(names: Names, found: dict[str, object], ups: Named | None, ref: str) -> str:
    """The page of the channel, UPS or node that a row names, where the row has no address."""
    known = names.of("channel", found.get("channel")) or ups or names.of("ups", found.get("ups"))
    return known.page if known else f"/nodes/{ref}" if "/" in ref else ""


async def choices(site: Site, name: str, query: str | None = None) -> list[tuple[object, str]] | None:
    """(value, label) pairs for the parameter `name` of a canned query, or None where it is typed."""
    listed = OF_QUERIES.get((query or "", name)) or LISTS.get(name)
    if listed:
        return [(value, value) for value in listed]
    if name not in QUERIES:
        return None
    rows = await select(site, f"{QUERIES[name]} limit {MOST + 1}")
    return [(row["value"], row["label"]) for row in rows] if rows and len(rows) <= MOST else None
