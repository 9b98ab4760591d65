"""/api: what there is to call. Routes say what they are where they are registered, canned queries in metadata.yml.

So nothing is written twice: paths come from the patterns of routes, parameters from metadata.
"""

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlencode

from datasette import Response
from datasette.plugins import pm

from ingest.schema.mysensors import COMMANDS
from plugins.web.endpoint import BY_QUERY, UNDOCUMENTED, Endpoint, endpoints_of, shown_path
from plugins.web.query import DATABASE, select
from plugins.web.render.cells import LISTS, OF_QUERIES
from plugins.web.responses import page

HOST = re.compile(r"[\w.\-]+(:\d+)?|\[[0-9a-fA-F:.]+\](:\d+)?", re.ASCII)
EXAMPLES = {  # of parameters of queries that write
    "node": "{node}",
    "ups": "{ups}",
    "location": "greenhouse",
    "date": "{day}",
}
MEANINGS = {  # of parameters of queries
    "node": "id of the table nodes",
    "sensor": "id of the table sensors",
    "channel": "id of the table channels",
    "ups": "name, or id of the table ups",
    "gateway": "name of a gateway",
    "child": "child id",
    "type": "a symbol such as V_TEMP",
    "command": ", ".join(COMMANDS),
    "date": "YYYY-MM-DD; today unless given",
    "days": "a number of days",
    "since": "a date or a time",
    "until": "a date or a time",
    "location": "where it is",
    "before": "id: only older ones",
    "range": f"a span such as {', '.join(LISTS['range'])}",
    "variable": "a part of its name",
    "reason": "a part of it",
    "level": "per cent",
}
NATIVE = (  # what Datasette answers by itself
    (
        "/telemetry/TABLE.json",
        Endpoint(
            "Rows of a table or view",
            "Without `_shape=array`, `next_url` leads to the rows that follow.",
            fields={
                "COLUMN": "only rows with this value; COLUMN__gt, __lt, __contains and so on compare otherwise",
                "_sort_desc": "column to sort by, the greatest first; _sort: the least first",
                "_size": "rows of an answer, at most 5000",
                "_shape": "array: the rows alone",
            },
            example={"state": "OK", "_sort_desc": "last_seen_at", "_shape": "array"},
            at={"TABLE": "node_overview"},
        ),
    ),
    (
        "/telemetry/TABLE.csv",
        Endpoint(
            "The same as CSV",
            fields={"_size": "max, or a number", "_stream": "on: all rows, however many"},
            example={"_size": "max"},
            at={"TABLE": "nodes"},
            answer="CSV",
        ),
    ),
    (
        "/telemetry/TABLE/ID.json",
        Endpoint("One row", example={"_shape": "array"}, at={"TABLE": "nodes", "ID": "{node}"}),
    ),
    (
        "/telemetry.json",
        Endpoint(
            "Your own SQL",
            "It ends after two seconds. ago('6 hours') gives a time to compare *_at columns with.",
            fields={
                "sql": "a select",
                "_shape": "array: the rows alone",
                "p": "value of a parameter :p of the SQL",
            },
            example={
                "sql": "select name, value from channels where last_at > ago('6 hours')",
                "_shape": "array",
            },
        ),
    ),
    ("/telemetry.json", Endpoint("All tables, views and queries, with their columns")),
    ("/-/actor.json", Endpoint("Who you are: the actor of your token or cookie, or null")),
    ("/-/versions.json", Endpoint("Versions of Datasette, Python, SQLite")),
    ("/-/metadata.json", Endpoint("What every table, column and query means")),
)


def routes(datasette):
    """(path, Call) of every route that the plugins of the house register; UNDOCUMENTED for one that does not say what it is."""
    found = []
    for hook in pm.hook.register_routes.get_hookimpls():
        if Path(getattr(hook.plugin, "__file__", None) or "/").parent != Path(datasette.plugins_dir):
            continue
        for pattern, _ in hook.function(*[datasette for _ in hook.argnames]) or []:
            found += [(shown_path(pattern), call) for call in endpoints_of(pattern) if call is not BY_QUERY]
    return found


def meaning(param, query):
    """What a parameter of a canned query takes, where that is known."""
    listed = OF_QUERIES.get((query, param)) or LISTS.get(param, ())
    return MEANINGS.get(param) or ("one of " if len(listed) > 1 else "") + ", ".join(listed)


async def queries(datasette, actor):
    """(path, Call) of every canned query, as its metadata tells."""
    found = []
    for name, query in (await datasette.get_canned_queries(DATABASE, actor)).items():
        writes = bool(query.get("write"))
        params = query.get("params") or re.findall(r"(?<![:\w]):([a-z]\w*)", query["sql"])
        call = Endpoint(
            query.get("title") or name,
            " ".join((query.get("description") or "").split()),
            "POST" if writes else "GET",
            query["right"] if writes else "read",
            {param: meaning(param, name) for param in params},
            {param: EXAMPLES.get(param, "...") for param in params} if writes else {"_shape": "array"},
        )
        found.append((f"/{DATABASE}/{name}" + ("" if writes else ".json"), call))
    return found


async def samples(datasette):
    """What there is on this site to make examples of; without it the examples that need it are left out."""
    nodes = await select(
        datasette,
        """select n.id, n.node_id, g.name as gateway from nodes n join gateways g on g.id = n.gateway
        where g.configured order by n.node_id = 0, n.last_seen_at is null, n.id limit 1""",
    )
    upses = await select(datasette, "select name from ups order by configured desc, id limit 1")
    found = {"{day}": datetime.now(UTC).date().isoformat()}
    for row in nodes or []:
        found |= {"{node}": str(row["id"]), "{node_id}": str(row["node_id"]), "{gateway}": row["gateway"]}
    found |= {"{ups}": row["name"] for row in upses or []}
    for name, ups in datasette.config.ups.items():  # what the config lets people order of UPSes
        if ups.commands and "{command}" not in found:
            found |= {"{commanded}": name, "{command}": ups.commands[0]}
        if ups.settings and "{setting}" not in found:
            values = await select(
                datasette,
                "select value from ups_variables where variable = ? and ups = (select id from ups where name = ?)",
                [ups.settings[0], name],
            )
            found |= {"{set}": name, "{setting}": ups.settings[0]} | {
                "{value}": row["value"] for row in values or []
            }
    return found


def base_of(datasette, request):
    """The site's own address, as this request has reached it, without a slash at the end."""
    web = datasette.config.web
    host = request.host if HOST.fullmatch(request.host or "") else f"{web.host}:{web.port}"
    return f"{request.scheme}://{host}{datasette.root}"


def example(path, call, base, found, closed=False):
    """(curl line, address to try or None), or (None, None) where this site has nothing to make an example of."""
    if call is UNDOCUMENTED:
        return None, None
    values = call.example | {f"at {name}": value for name, value in call.at.items()}
    if any(value.startswith("{") and value not in found for value in values.values()):
        return None, None
    given = {name: found.get(value, value) for name, value in call.example.items()}
    for name, value in call.at.items():
        path = path.replace(name, quote(found.get(value, value), safe="@"))
    token = call.right not in (None, "read") or (closed and call.right == "read")
    parts = ["curl -s"] + ['-H "Authorization: Bearer $TOKEN"'] * token
    if call.method == "GET":
        path += f"?{urlencode(given)}" if given else ""
        return " ".join([*parts, f'"{base}{path}"']), path
    flag = "-F" if any(value.startswith("@") for value in given.values()) else "-d"
    parts += [f"{flag} {shlex.quote(f'{name}={value}')}" for name, value in given.items()] or ["-X POST"]
    return " ".join([*parts, f'"{base}{path}"']), None


async def listed(datasette, request):
    """Every Call as a dict, in groups: questions, programs (JSON and the like), pages, deeds, native."""
    found, base = await samples(datasette), base_of(datasette, request)
    closed = not datasette.accounts.open_to_read
    groups = {"questions": [], "deeds": [], "programs": [], "pages": [], "native": []}

    def add(path, call, group):
        line, address = example(path, call, base, found, closed)
        groups[group].append(
            {**call._asdict(), "words": call.description, "path": path, "curl": line, "try": address}
        )

    own = await queries(datasette, request.actor)
    for path, call in own:
        add(path, call, "deeds" if call.method == "POST" else "questions")
    for path, call in sorted(routes(datasette), key=lambda one: one[0]):
        add(
            path, call, "deeds" if call.method == "POST" else "pages" if call.answer == "page" else "programs"
        )
    for path, call in NATIVE:
        add(path, call, "native")
    return groups


TITLES = {
    "questions": "Questions",
    "deeds": "Deeds",
    "programs": "For other programs",
    "pages": "Pages",
    "native": "The data itself",
}


async def api(datasette, request):
    """GET /api, and /api.json for programs."""
    groups = await listed(datasette, request)
    base = base_of(datasette, request)
    if request.path.endswith(".json"):
        return Response.json(
            {"ok": True, "base": base, "calls": [call for calls in groups.values() for call in calls]}
        )
    described = datasette.metadata("tables", database=DATABASE, fallback=False) or {}
    context = {
        "groups": groups,
        "titles": TITLES,
        "base": base,
        "closed": not datasette.accounts.open_to_read,
        "tables": [(name, about) for name, about in described.items() if not about.get("hidden")],
    }
    return await page(datasette, request, "pages/api.html", context)
