"""/api: the API of the site. Routes are described where they are registered, canned queries in metadata.yml.

So nothing is written twice: paths come from the patterns of routes, parameters from metadata.
"""

import re
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from operator import itemgetter
from typing import NamedTuple, TypeAlias
from urllib.parse import quote, urlencode

from datasette import Request, Response

from ingest.mysensors.protocol import Presentation, SetReq
from ingest.schema.mysensors import COMMANDS
from plugins.web.auth.permissions import SIGNED_IN
from plugins.web.compat import described_tables, registered_routes
from plugins.web.endpoint import BY_QUERY, UNDOCUMENTED, Endpoint, Json, endpoints_of, shown_path
from plugins.web.pages.api_trial import CALL, inputs, trial_address
from plugins.web.query import DATABASE, select
from plugins.web.render.cells import LISTS, OF_QUERIES
from plugins.web.responses import page
from plugins.web.site import Site

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
                "COLUMN": "only rows with this value; also COLUMN__gt, __lt, __contains and so on",
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
            fields={
                "_size": "max, or a number",
                "_stream": "on: all rows, however many",
                "_spreadsheet": "1: an apostrophe before texts that a spreadsheet would run as a formula",
            },
            example={"_size": "max", "_spreadsheet": "1"},
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
            "Custom SQL",
            "It ends after two seconds; rows beyond 5,000 or 4 MB are left out (`truncated`). "
            "ago('6 hours') gives a time to compare *_at columns with.",
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
    ("/-/versions.json", Endpoint("Versions of Datasette, Python, SQLite", right=SIGNED_IN)),
    ("/-/metadata.json", Endpoint("What every table, column and query means")),
)


def routes(site: Site) -> list[tuple[str, Endpoint]]:
    """(path, Endpoint) of every route of our hook files; UNDOCUMENTED for one without a description."""
    return [
        (shown_path(pattern), endpoint)
        for pattern, _ in registered_routes(site)
        for endpoint in endpoints_of(pattern)
        if endpoint is not BY_QUERY
    ]


def meaning(param: str, query: str) -> str:
    """What a parameter of a canned query takes, where that is known."""
    listed = OF_QUERIES.get((query, param)) or LISTS.get(param, ())
    return MEANINGS.get(param) or ("one of " if len(listed) > 1 else "") + ", ".join(listed)


def describe_query(name: str, query: Json) -> tuple[str, Endpoint]:
    """(path, Endpoint) of a canned query, made of its metadata."""
    params = query.get("params") or re.findall(r"(?<![:\w]):([a-z]\w*)", query["sql"])
    endpoint = Endpoint(
        query.get("title") or name,
        " ".join((query.get("description") or "").split()),
        fields={param: meaning(param, name) for param in params},
        example={"_shape": "array"},
    )
    if not query.get("write"):
        return f"/{DATABASE}/{name}.json", endpoint
    values = {param: EXAMPLES.get(param, "...") for param in params}
    return f"/{DATABASE}/{name}", endpoint._replace(method="POST", right=query["right"], example=values)


def _sent(site: Site) -> dict[str, str]:
    """What the config sends: a report, a target of alerts."""
    found = {}
    if site.config.reports:
        found["{report}"] = site.config.reports[0].name
    if site.config.alerts and site.config.alerts.targets:
        found |= {"{alert_target}": site.config.alerts.targets[0].name, "{rehearsal}": "all"}
    return found


async def samples(site: Site) -> dict[str, str]:
    """What there is on this site to make examples of; without it the examples that need it are left out."""
    nodes = await select(
        site,
        """select n.id, n.node_id, g.name as gateway from nodes n join gateways g on g.id = n.gateway
        where g.configured order by n.node_id = 0, n.last_seen_at is null, n.id limit 1""",
    )
    upses = await select(site, "select name from ups order by configured desc, id limit 1")
    outages = await select(site, "select max(id) as id from events where event = 'ONBATT'")
    found = {"{day}": datetime.now(UTC).date().isoformat(), **_sent(site)}
    for row in nodes or []:
        found |= {"{node}": str(row["id"]), "{node_id}": str(row["node_id"]), "{gateway}": row["gateway"]}
        found |= await _channel_of(site, row["id"])
    switches = await select(
        site,
        """select 256 * s.id + ? as channel from sensors s join nodes n on n.id = s.node
        join gateways g on g.id = n.gateway where s.type = ? and g.configured order by s.id limit 1""",
        [SetReq.V_STATUS, Presentation.S_BINARY],
    )
    if switches:
        found["{switch}"] = str(switches[0]["channel"])
    if upses:
        found["{ups}"] = upses[0]["name"]
        found |= await _variable_of(site, upses[0]["name"])
    if outages and outages[0]["id"]:
        found["{outage}"] = str(outages[0]["id"])
    readings = await select(site, "select id, channel from readings order by id desc limit 1")
    for row in readings or []:
        found |= {"{reading}": str(row["id"]), "{channel}": str(row["channel"])}
    found |= await _named_by_users(site)
    found |= await _conditions(site)
    for name, ups in site.config.ups.items():  # what the config lets people order of UPSes
        if ups.commands and "{command}" not in found:
            found |= {"{commanded}": name, "{command}": ups.commands[0]}
        if ups.settings and "{setting}" not in found:
            found |= {"{set}": name, "{setting}": ups.settings[0]}
            values = await select(
                site,
                "select value from ups_variables where variable = ? "
                "and ups = (select id from ups where name = ?)",
                [ups.settings[0], name],
            )
            if values:
                found["{value}"] = values[0]["value"]
    return found


async def _named_by_users(site: Site) -> dict[str, str]:
    """A dashboard and a saved query."""
    rows = await select(
        site,
        """select (select name from dashboards where name <> 'home') as "{dashboard}",
        (select min(name) from saved_queries) as "{saved_query}\"""",
    )
    return {sample: name for row in rows or [] for sample, name in row.items() if name}


async def _variable_of(site: Site, ups: str) -> dict[str, str]:
    """A variable of a UPS."""
    sql = "select variable from ups_variables where ups = (select id from ups where name = ?) limit 1"
    rows = await select(site, sql, [ups])
    return {"{variable}": rows[0]["variable"]} if rows else {}


async def _channel_of(site: Site, node: int) -> dict[str, str]:
    """A channel of a node."""
    rows = await select(
        site, "select child_id, type from value_latest where node = ? order by last_at desc limit 1", [node]
    )
    return {"{child}": str(rows[0]["child_id"]), "{type}": rows[0]["type"]} if rows else {}


async def _conditions(site: Site) -> dict[str, str]:
    """What stands with a UPS, and what was acknowledged."""
    rows = await select(
        site,
        """select c.name, c.event, (select id from acknowledgements limit 1) as id from ups_conditions c
        where severity = 'Warning' limit 1""",
    )
    found: dict[str, str] = {}
    for row in rows or []:
        found |= {"{standing_ups}": row["name"], "{standing}": row["event"]}
        if row["id"] is not None:
            found["{acknowledgement}"] = str(row["id"])
    return found


def base_of(site: Site, request: Request) -> str:
    """The site's own address, as this request has reached it, without a slash at the end."""
    web = site.config.web
    host = request.host if HOST.fullmatch(request.host or "") else f"{web.host}:{web.port}"
    return f"{request.scheme}://{host}{site.root}"


class Example(NamedTuple):
    """A curl line, and the address that a browser can try; None where this site has nothing for them."""

    curl: str | None
    address: str | None


def example(
    path: str, endpoint: Endpoint, base: str, samples: Mapping[str, str], closed: bool = False
) -> Example:
    """The example of an endpoint. `closed`: reading needs a token, too."""
    values = (*endpoint.example.values(), *endpoint.at.values())
    if endpoint is UNDOCUMENTED or any(value.startswith("{") and value not in samples for value in values):
        return Example(None, None)
    for name, value in endpoint.at.items():
        path = path.replace(name, quote(samples.get(value, value), safe="@"))
    given = {name: samples.get(value, value) for name, value in endpoint.example.items()}
    command = ["curl -s"]
    if endpoint.right not in (None, "read") or (closed and endpoint.right == "read"):
        command.append('-H "Authorization: Bearer $TOKEN"')
    if endpoint.method == "GET":
        address = path + (f"?{urlencode(given)}" if given else "")
        return Example(" ".join([*command, f'"{base}{address}"']), address)
    return Example(" ".join([*command, *_body_options(given), f'"{base}{path}"']), None)


def _body_options(given: Mapping[str, str]) -> list[str]:
    """Options of curl that send these fields in a POST."""
    flag = "-F" if any(value.startswith("@") for value in given.values()) else "-d"
    return [f"{flag} {shlex.quote(f'{name}={value}')}" for name, value in given.items()] or ["-X POST"]


MAX_WORDS = 200  # characters
TITLES = {
    "questions": "Canned queries",
    "actions": "Actions",
    "programs": "For other programs",
    "pages": "Pages",
    "native": "Datasette",
}


Listed: TypeAlias = tuple[str, str, Endpoint]  # key of TITLES, path, Endpoint


async def listed_endpoints(site: Site, request: Request) -> list[Listed]:
    """Every Endpoint with its group and path, in the order in which the API lists them."""
    queries = await site.get_canned_queries(DATABASE, request.actor)
    return [
        *(("questions", *describe_query(name, query)) for name, query in queries.items()),
        *(
            ("pages" if route[1].answer == "page" else "programs", *route)
            for route in sorted(routes(site), key=itemgetter(0))
        ),
        *(("native", *native) for native in NATIVE),
    ]


async def list_endpoints(site: Site, request: Request, for_page: bool = False) -> dict[str, list[Json]]:
    """Every Endpoint as the API lists it, by key of TITLES; for its page with the `inputs` of a form."""
    found, base = await samples(site), base_of(site, request)
    groups: dict[str, list[Json]] = {name: [] for name in TITLES}
    for group, path, endpoint in await listed_endpoints(site, request):
        curl, address = example(path, endpoint, base, found, not site.accounts.open_to_read)
        entry = {**endpoint.as_json(), "path": path, "curl": curl, "try": address}
        if for_page:
            entry["inputs"] = inputs(path, endpoint, found)
        groups["actions" if endpoint.method == "POST" else group].append(entry)
    return groups


def search(groups: Mapping[str, list[Json]], words: str) -> dict[str, list[Json]]:
    """The groups with those of their entries in which every word stands, whatever its case."""
    wanted = words.lower().split()
    return {name: [one for one in entries if _has(one, wanted)] for name, entries in groups.items()}


def in_columns(groups: Mapping[str, list[Json]]) -> tuple[list[str], list[str]]:
    """The names of groups that are not empty for two columns of about the same length, in their order."""
    columns: tuple[list[str], list[str]] = ([], [])
    lengths = [0, 0]
    for name, entries in groups.items():
        if entries:
            shorter = lengths.index(min(lengths))
            columns[shorter].append(name)
            lengths[shorter] += len(entries)
    return columns


def _has(entry: Json, words: list[str]) -> bool:
    fields = " ".join(f"{name} {meaning}" for name, meaning in entry["fields"].items())
    text = f"{entry['method']} {entry['path']} {entry['title']} {entry['words']} {fields}".lower()
    return all(word in text for word in words)


async def api(datasette: Site, request: Request) -> Response:
    """GET /api, and /api.json for programs. With `call` it leads to the answer that a form asks for."""
    is_page = not request.path.endswith(".json")
    if is_page and request.args.get(CALL):
        listed = await listed_endpoints(datasette, request)
        given = {name: request.args[name] for name in request.args}
        return Response.redirect(trial_address([one[1:] for one in listed], given))
    groups, base = await list_endpoints(datasette, request, is_page), base_of(datasette, request)
    if not is_page:
        calls = [endpoint for endpoints in groups.values() for endpoint in endpoints]
        return Response.json({"ok": True, "base": base, "calls": calls})
    words = " ".join((request.args.get("q") or "").split())[:MAX_WORDS]
    groups = search(groups, words)
    context = {
        "groups": groups,
        "columns": in_columns(groups),
        "words": words,
        "found": sum(map(len, groups.values())),
        "titles": TITLES,
        "base": base,
        "closed": not datasette.accounts.open_to_read,
        "tables": [
            (name, about)
            for name, about in described_tables(datasette).items()
            if not about.get("hidden")
            and (request.actor or "allow" not in about)
            and all(word in f"{name} {about.get('title', '')}".lower() for word in words.lower().split())
        ],
    }
    return await page(datasette, request, "pages/api.html", context)
