"""The page /outages/ID: one mains outage, what each UPS did in it, minute by minute."""

from collections.abc import Sequence
from dataclasses import replace

from datasette import Request, Response

from ingest.db.time import format_utc
from plugins.web.canned import run_query
from plugins.web.pages.settings import labels_of
from plugins.web.query import Row, select, select_many
from plugins.web.responses import PageError, needed, page
from plugins.web.site import Site
from reporting.charts import LineChart, draw_lines
from reporting.outage_story import AROUND_S, describe_outage, outage_charts, outage_parts, tell
from reporting.outages import MainsOutage, parse_outage

MAX_ID = 2**63 - 1
# A mains outage by the event of any of its UPSes, so that every row of an outage leads to its page.
OUTAGE = """select m.* from mains_outages m where exists (
  select 1 from json_each(m.members) e where e.value ->> '$.id' = :id)"""
QUERIES = {
    "parts": """select o.* from mains_outages m, json_each(m.members) e
      join outages o on o.id = e.value ->> '$.id' where m.id = :id""",
    "events": """select v.* from ups_events v where v.started_at >= :since and v.started_at < :until
      and v.ups in (select e.value ->> '$.ups' from mains_outages m, json_each(m.members) e where m.id = :id)
      order by v.started_at, v.id limit 200""",
    "before": """select id, started_at, seconds, upses from mains_outages
      where (started_at, id) < (:started_at, :id) order by started_at desc, id desc limit 1""",
    "after": """select id, started_at, seconds, upses from mains_outages
      where (started_at, id) > (:started_at, :id) order by started_at, id limit 1""",
    "upses": """select id from ups where configured or id in (
      select e.value ->> '$.ups' from mains_outages m, json_each(m.members) e where m.id = :id)
      order by configured desc, id""",
    "labels": "select name, label from ups",
}


async def outage(datasette: Site, request: Request) -> Response:
    """GET /outages/ID, the key of a mains outage or of the event ONBATT of one of its UPSes."""
    row = await _find(datasette, request.url_vars["id"])
    found = parse_outage(row)
    around = {
        "since": format_utc(found.start - AROUND_S),
        "until": format_utc(found.end + AROUND_S),
        "started_at": row["started_at"],
        "id": row["id"],
    }
    read = await select_many(datasette, QUERIES, around)
    labels = labels_of(read["labels"])
    minutes = await run_query(datasette, "outage_minutes", outage=row["id"])
    parts = outage_parts(found, read["parts"] or [], labels)
    context = {
        "outage": found,
        "answer": describe_outage(found, labels),
        "id": row["id"],
        "upses": len(read["upses"] or []),
        "parts": parts,
        "low": [part for part in parts if part.row["low_battery"]],
        "moments": None if read["events"] is None else tell(read["events"], labels),
        "labels": labels,
        "minutes": minutes,
        "charts": _draw(
            datasette, found, minutes or [], labels, [ups["id"] for ups in read["upses"] or []], row["id"]
        ),
        "before": next(iter(read["before"] or []), None),
        "after": next(iter(read["after"] or []), None),
    }
    return await page(datasette, request, "pages/outages/{id}.html", context)


async def _find(site: Site, text: str) -> Row:
    """The row of mains_outages. Raises PageError."""
    if not (text.isascii() and text.isdigit()) or int(text) > MAX_ID:
        raise PageError(404, f"No outage {text}.")
    rows = needed(await select(site, OUTAGE, {"id": int(text)}))
    if not rows:
        raise PageError(404, f"No outage {text}.")
    return rows[0]


def _draw(
    site: Site,
    found: MainsOutage,
    minutes: Sequence[Row],
    labels: dict[str, str],
    upses: Sequence[int],
    outage: int,
) -> list[LineChart]:
    charts = []
    for data in outage_charts(found, minutes, labels, upses):
        drawn = draw_lines(data, site.timezone)
        if drawn:
            charts.append(replace(drawn, href=f"/telemetry/outage_minutes?outage={outage}"))
    return charts
