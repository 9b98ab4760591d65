"""What the pages show: rows of views, read for one request. Templates format, nothing here writes."""

from datasette import Response

from ingest.db.time import parse_utc
from ingest.schema import ups as ups_views
from plugins.web.auth.permissions import has_right
from plugins.web.query import DATABASE, select, select_many
from plugins.web.responses import error_page, json_errors, page
from reporting import sparklines as sparks
from reporting.formatting import parse_time, sparkline

MESSAGES = 50  # of the log on a node's page
LEVELS = 500  # battery reports that the line on a node's page looks at
SHOWN = 20  # nodes on the home page
LOOKS = 10  # things that need a look on the home page; the rest can be opened
NEWS = "not (node_id = 0 and type = 'I_VERSION')"  # a gateway answers every 10 s that it is there
EVENTS, SHOWN_EVENTS = 60, 8  # events that the home page looks at, and rows that tell them
HEARD = 40  # node ids that a 404 lists
WORST = {"Critical": 0, "Stale": 1, "Warning": 2, "No data": 3, "OK": 4}
KINDS = {"mysensors": "MySensors gateway", **ups_views.KINDS}
CONFIGURED = f"""kind = 'mysensors' and source in (select name from gateways where configured)
            or kind <> 'mysensors' and {ups_views.CONFIGURED}"""
TOO_SLOW = "The database took too long to answer: try again."
FACETS = ("state", "gateway", "sketch_name", "location", "role")


async def shell(datasette, actor):
    """What every page carries: title, demo, lost readers, who is signed in."""
    config = datasette.config
    blind = []
    if DATABASE in datasette.databases and has_right(datasette, actor, "read"):
        blind = await select(
            datasette,
            f"""select source, kind, state, detail, verdict, since_at, heartbeat_at, last_data_at from readers
            where verdict in ('Critical', 'Stale') and ({CONFIGURED})""",
        )
        blind = [reader | {"what": KINDS.get(reader["kind"], reader["kind"])} for reader in blind or []]
    return {
        "title": config.title,
        "demo": config.demo,
        "blind": blind or [],
        "can_sign_in": bool(datasette.accounts.cookie_keys),
        "read": has_right(datasette, actor, "read"),
    }


async def home(datasette, request):
    """GET /"""
    found = await select_many(
        datasette,
        nodes=("select * from node_overview", {}),
        upses=("select * from ups_overview where configured order by id", {}),
        loads=(sparks.UPS_LOADS, {}),
        attention=("select * from attention", {}),
        readers=(f"select * from readers where {CONFIGURED} order by kind, source", {}),
        events=(f"select * from all_events order by id desc limit {EVENTS}", {}),
        values=("select * from value_latest where last_at is not null order by last_at desc limit 12", {}),
        messages=(f"select * from recent_messages where {NEWS} limit 10", {}),
    )
    nodes, upses = found["nodes"], found["upses"]
    context = found | {
        "events": found["events"] and together(found["events"])[:SHOWN_EVENTS],
        "well": sum(ups["state"] == "OK" and not ups["on_battery_since"] for ups in upses or []),
        "loads": sparks.ups_loads(found["loads"]),
        "kinds": KINDS,
        "worst": sorted(nodes or [], key=by_need)[:SHOWN],
        "looks": LOOKS,
        "counts": {state: sum(node["state"] == state for node in nodes or []) for state in WORST},
        "fresh": sum(bool(node["last_seen_at"]) and node["state"] != "Stale" for node in nodes or []),
        "heard": sum(bool(node["last_seen_at"]) for node in nodes or []),
        "low": sum(
            (node["battery_level"] if node["battery_level"] is not None else 100) < 20 for node in nodes or []
        ),
        "metric": metric(datasette),
    }
    return await page(datasette, request, "index.html", context)


def together(events):
    """Events as rows: what began or goes on at several things at once is one row with `names` and the longest `seconds`."""
    rows = []
    for event in events:
        at = parse_utc(event["started_at"])
        for row in rows:
            alike = all(row[key] == event[key] for key in ("kind", "event")) and (
                row["ended_at"] is None
            ) == (event["ended_at"] is None)
            if (
                alike
                and abs(parse_utc(row["started_at"]) - at) <= ups_views.MAINS_OUTAGE_S
                and event["name"] not in row["names"]
            ):
                row["names"].append(event["name"])
                row["seconds"] = max(row["seconds"], event["seconds"])
                break
        else:
            rows.append(event | {"names": [event["name"]]})
    return rows


def by_need(node):
    """Sort key: worst first, then the longest silence."""
    return WORST[node["state"]], -(node["silent_s"] or 0), node["id"]


async def nodes(datasette, request):
    """GET /nodes, filtered by the columns in FACETS and by `q`."""
    rows = await select(datasette, "select * from node_overview")
    chosen = {name: request.args.get(name) for name in FACETS if request.args.get(name) is not None}
    word = (request.args.get("q") or "").strip()
    shown = [
        row
        for row in rows or []
        if all(str(row[name] or "") == value for name, value in chosen.items())
        and all(part in _text(row) for part in word.lower().split())
    ]
    group = "location" if request.args.get("group") == "location" else None
    shown.sort(
        key=lambda row: (
            (not row["location"], row["location"].lower(), *by_need(row)) if group else by_need(row)
        )
    )
    context = {
        "group": group,
        "without": lambda kept, name: {key: value for key, value in kept.items() if key != name},
        "gateways": metric(datasette),
        "all": rows,
        "nodes": shown,
        "chosen": chosen,
        "word": word,
        "facets": {name: _counted(rows or [], name) for name in FACETS},
        "levels": await sparks.battery_levels(datasette, select),
    }
    return await page(datasette, request, "pages/nodes.html", context)


def _text(row):
    return " ".join(
        str(row[name] or "") for name in ("name", "node_id", "sketch_name", "location", "gateway")
    ).lower()


def _counted(rows, name):
    """(value, count) of a column, most frequent first; nothing when all rows agree or no two do."""
    counts = {}
    for row in rows:
        counts[str(row[name] or "")] = counts.get(str(row[name] or ""), 0) + 1
    return sorted(counts.items(), key=lambda item: (-item[1], item[0])) if 1 < len(counts) < len(rows) else []


async def node(datasette, request):
    """GET /nodes/GATEWAY/NODE_ID"""
    gateway, number = request.url_vars["gateway"], request.url_vars["node_id"]
    row, status, missing = await _find(datasette, gateway, number)
    if row is None:
        title = "Not found" if status == 404 else "Too slow"
        return await error_page(datasette, request, status, missing, title=title)
    given = {"node": row["id"]}
    found = await select_many(
        datasette,
        levels=(
            f"""select received_at, level from (select received_at, level from battery_levels where node = :node
            order by received_at desc limit {LEVELS}) order by received_at""",
            given,
        ),
        values=("select * from value_latest where node = :node order by child_id, type", given),
        day=(sparks.NODE_VALUES, given),
        silent_sensors=(
            "select * from sensor_latest where node = :node and channel is null order by child_id",
            given,
        ),
        battery_changes=(
            "select * from battery_changes where node = :node order by changed_at desc limit 10",
            given,
        ),
        messages=(
            f"""select m.*, c.name as command_name from messages m join commands c on c.id = m.command
            where m.id in (select id from messages where node = :node order by id desc limit {MESSAGES})
            order by m.id desc""",
            given,
        ),
        orders=(
            """select * from (select * from outbox order by id desc limit 1000) where node = :node
            order by id desc limit 10""",
            given,
        ),
    )
    levels = found["levels"]
    heard = parse_utc(row["last_seen_at"]) if row["state"] == "Stale" and row["last_seen_at"] else None
    context = found | {
        "node": row,
        "sparks": sparks.node_values(found["day"], found["values"], heard),
        "battery_line": sparkline(
            [(parse_time(level["received_at"]).timestamp(), level["level"]) for level in levels or []],
            low=0,
            high=100,
        ),
        "battery_levels": levels,
        "battery_marks": _marks(found["battery_changes"], levels),
        "metric": metric(datasette),
    }
    return await page(datasette, request, "pages/nodes/{gateway}/{node_id}.html", context)


def _marks(changes, levels):
    """Where on the line of battery levels the battery was changed: x in a box of 240."""
    if not levels or len(levels) < 2:
        return []
    first, last = (parse_time(levels[end]["received_at"]).timestamp() for end in (0, -1))
    times = [parse_time(change["changed_at"]).timestamp() for change in changes or []]
    return [round((at - first) / (last - first or 1) * 240, 1) for at in times if first <= at <= last]


async def _find(datasette, gateway, number):
    """(row of node_overview, 200, None), or (None, an HTTP status, why there is none)."""
    if number.isascii() and number.isdigit() and len(number) <= 3:
        rows = await select(
            datasette,
            """select * from node_overview where gateway = :gateway
            and id = 256 * (select id from gateways where name = :gateway) + :number""",
            {"gateway": gateway, "number": int(number)},
        )
        if rows is None:
            return None, 503, TOO_SLOW
        if rows:
            return rows[0], 200, None
    gateways = await select(datasette, "select id, name from gateways order by id")
    if gateways is None:
        return None, 503, TOO_SLOW
    known = {row["name"]: row["id"] for row in gateways}
    if gateway not in known:
        there_are = f"There are: {', '.join(known)}." if known else "None was configured yet."
        return None, 404, f"No gateway {gateway}. {there_are}"
    ids = await select(
        datasette, "select node_id from nodes where gateway = ? order by node_id", [known[gateway]]
    )
    ids = ids or []
    heard = ", ".join(str(row["node_id"]) for row in ids[:HEARD]) + (" ..." if len(ids) > HEARD else "")
    return None, 404, f"No node {number} on gateway {gateway}. Heard so far: {heard or 'none'}"


def metric(datasette):
    """Gateway name -> does it work in metric units."""
    return {gateway.name: gateway.metric for gateway in datasette.config.gateways}


async def pulse(datasette):
    """GET /-/pulse.json: the server's time and a counter per topic, which rises when rows of the topic change."""
    rows = await select(
        datasette,
        "select strftime('%Y-%m-%dT%H:%M:%fZ', 'now') as now, topic, seq, at from changes order by topic",
    )
    now = await select(datasette, "select strftime('%Y-%m-%dT%H:%M:%fZ', 'now') as now")
    if rows is None or now is None:
        return json_errors(503, TOO_SLOW)
    changes = {row["topic"]: {"seq": row["seq"], "at": row["at"]} for row in rows or []}
    return Response.json(
        {"ok": True, "now": now[0]["now"], "changes": changes}, headers={"cache-control": "no-store"}
    )
