"""/radio: who hears whom as a tree per gateway, and the log of messages with the orders that were sent between them."""

from ingest.mysensors.protocol import TYPES, Command
from plugins.web.pages.home import metric
from plugins.web.query import DATABASE, select
from plugins.web.responses import page
from reporting.message_text import say, say_order

SHOWN = 50  # messages on a page of the log
LOOKED = 20_000  # messages that the query message_log looks through
SCATTERED = 5_000  # the same for those of a node and strange ones, each of which lies in a page of its own
ORDERS = 200  # orders between the messages of a page
FILTERS = ("gateway", "node", "command", "type", "strange")
ENDS = {  # route of radio_tree -> what stands above the nodes whose way to the gateway ends so
    "unknown": "Parent not known",
    "missing": "Parent that was never heard",
    "loop": "In a loop",
}
NEWEST = 2**62
ASKED = """select x.*, n.name, n.node_id, g.name as gateway, '/nodes/' || g.name || '/' || n.node_id as href
from outbox x join nodes n on n.id = x.node join gateways g on g.id = n.gateway where """


async def radio(datasette, request):
    """GET /radio, the log filtered by FILTERS; `before`: messages older than this id."""
    nodes = await select(datasette, "select * from radio_tree")
    readers = await select(
        datasette,
        """select g.name, g.address, g.configured, r.verdict, r.words, r.received, r.rejected from gateways g
        left join readers r on r.source = g.name
        where g.configured or g.id in (select gateway from nodes) order by g.id""",
    )
    chosen = {name: text for name in FILTERS if (text := (request.args.get(name) or "").strip())}
    if "strange" in chosen:
        chosen["strange"] = "1"
    before = request.args.get("before") or ""
    before = int(before) if before.isascii() and before.isdigit() and len(before) < 18 else None
    context = {
        "gateways": [gateway | {"tree": grow(nodes or [], gateway["name"])} for gateway in readers or []],
        "slow": nodes is None,
        "nodes": nodes or [],
        "ends": ENDS,
        "chosen": chosen,
        "before": before,
        "log": await read_log(datasette, chosen, before),
        "offers": await _offers(datasette),
        "rejects": await select(
            datasette,
            """select source, raw, reason, received_at from rejects
            where id in (select max(id) from (select id, source from rejects order by id desc limit 1000) group by source)""",
        ),
        "waiting": await select(
            datasette,
            f"{ASKED} x.state in ('queued', 'sent') and x.sent_at is null order by x.id limit {ORDERS}",
        ),
    }
    return await page(datasette, request, "pages/radio.html", context)


def grow(rows, gateway):
    """Rows of radio_tree as what hangs together: `root` (or None), its `children`, and `ends`, by how the way ends.

    A node is its row with `children`, the nodes that it hears. A loop begins with the node of the lowest id in it.
    """
    nodes = {row["node_id"]: row | {"children": []} for row in rows if row["gateway"] == gateway}
    tops = {route: [] for route in ("reached", *ENDS)}
    looped = _loops(nodes)
    for node in nodes.values():
        parent = nodes.get(node["parent_node_id"]) if node["node_id"] else None
        if node["node_id"] == 0:
            continue
        if node["node_id"] in looped:
            node["loop"] = [nodes[number]["name"] for number in looped[node["node_id"]]]
        if parent is None or (node["node_id"] in looped and node["node_id"] == looped[node["node_id"]][0]):
            tops[node["route"]].append(node)
        else:
            parent["children"].append(node)
    root = nodes.get(0)
    children = root["children"] if root else []
    ends = {route: found for route, found in tops.items() if route != "reached" and found}
    return {"root": root, "children": children + tops["reached"], "ends": ends, "nodes": len(nodes)}


def lined(branch):
    """A branch as (node, how many levels up from the one before), in the order of reading; -1 is one level down.

    Each node gets its `depth`. Not recursive: a chain of relays may be longer than what Python nests.
    """
    left, before, found = [(node, 0) for node in reversed(branch)], -1, []
    while left:
        node, depth = left.pop()
        found.append((node | {"depth": depth}, before - depth))
        before = depth
        left += [(child, depth + 1) for child in reversed(node["children"])]
    return found


def _loops(nodes):
    """Node id -> ids of the loop that it is a part of, from the lowest on, each followed by its parent."""
    found = {}
    for start, node in nodes.items():
        if node["route"] != "loop" or start in found:
            continue
        way = []
        at = start
        while at not in way and at not in found:
            way.append(at)
            at = nodes[at]["parent_node_id"]
        loop = way[way.index(at) :] if at in way else []
        if loop:
            lowest = loop.index(min(loop))
            loop = loop[lowest:] + loop[:lowest]
        found |= dict.fromkeys(loop, loop)
        found |= {number: () for number in way if number not in loop}
    return {number: loop for number, loop in found.items() if loop}


async def read_log(datasette, chosen, before):
    """Entries of the log: messages by id, and orders where they were sent; where to go on.

    `more` is the id to go on from, `looked` (time, messages) how far back was looked where too few fitted; None: the end.
    """
    start = await _start(datasette, chosen, before)
    query = await datasette.get_canned_query(DATABASE, "message_log", None)
    given = {name: chosen.get(name, "") for name in FILTERS}
    rows = await select(datasette, query["sql"], given | {"before": "" if start is None else str(start)})
    if rows is None:
        return {"slow": True, "entries": []}
    metrics = metric(datasette)
    entries = [_message(row, metrics) for row in rows[:SHOWN]]
    more, looked = (
        (rows[SHOWN - 1]["id"], None) if len(rows) > SHOWN else await _reach(datasette, chosen, start)
    )
    oldest = entries[-1]["received_at"] if len(rows) > SHOWN else looked[0] if looked else ""
    orders = [] if chosen.get("strange") else await _orders(datasette, chosen, before, oldest, metrics)
    return {
        "slow": False,
        "entries": _merge(entries, orders),
        "messages": len(entries),
        "more": more,
        "looked": looked,
    }


async def _start(datasette, chosen, before):
    """The id below which to look: for a gateway alone right above its newest message, so that no silence is in between."""
    if "gateway" not in chosen or "node" in chosen or "strange" in chosen:
        return before
    rows = await select(
        datasette,
        """select max(id) + 1 as id from (
          select (select m.id from messages m where m.node = n.id and m.id < :before order by m.id desc limit 1) as id
          from nodes n where n.gateway in (select id from gateways where name = :gateway)
          union all
          select (select m.id from messages m where m.node is null and m.id < :before order by m.id desc limit 1))""",
        {"gateway": chosen["gateway"], "before": before or NEWEST},
    )
    return rows[0]["id"] or 0 if rows else before


async def _reach(datasette, chosen, start):
    """(id, (time, messages looked at)) of where message_log has stopped looking; (None, None) where that was the end."""
    steps = SCATTERED if {"strange", "node"} & set(chosen) else LOOKED
    if "strange" in chosen:
        sql = "select message as id from oddities where message < :start order by message desc"
    elif not {"gateway", "command", "type"} & set(chosen):
        return None, None
    elif "node" in chosen:
        sql = "select id from messages where node = (select id from nodes where id = :node) and id < :start order by id desc"
    else:
        sql = "select id from messages where id < :start order by id desc"
    rows = await select(
        datasette,
        f"""select o.id, (select m.received_at from messages m where m.id <= o.id order by m.id desc limit 1) as at
        from ({sql} limit 1 offset {steps - 1}) o""",
        {"start": NEWEST if start is None else start, "node": chosen.get("node", "")},
    )
    return (rows[0]["id"], (rows[0]["at"], steps)) if rows else (None, None)


def _message(row, metrics):
    is_metric = metrics.get(row["gateway"], True)
    if row["echo"]:
        words, value, _, _ = say_order("", row["line"], is_metric)
        words = f"has received the order: {words}"
    else:
        words, value = say(row["command"], row["type"], row["payload"], row["child_id"], is_metric)
    return row | {"kind": "message", "at": row["received_at"], "words": words, "value": value}


async def _orders(datasette, chosen, before, oldest, metrics):
    """Orders sent from the time `oldest` on, up to the message `before`, that fit the filters; newest first."""
    until = "9"
    if before is not None:
        rows = await select(
            datasette, "select received_at as at from messages where id >= ? order by id limit 1", [before]
        )
        until = rows[0]["at"] if rows else until
    rows = await select(
        datasette,
        f"""{ASKED} x.sent_at >= :oldest and x.sent_at < :until and (:node = '' or x.node = (select id from nodes where id = :node))
        and (:gateway = '' or g.name = :gateway) order by x.sent_at desc limit {ORDERS}""",
        {
            "oldest": oldest,
            "until": until,
            "node": chosen.get("node", ""),
            "gateway": chosen.get("gateway", ""),
        },
    )
    entries = []
    for row in rows or []:
        words, value, command, symbol = say_order(
            row["order"], row["line"], metrics.get(row["gateway"], True)
        )
        if chosen.get("command") in (None, command) and chosen.get("type") in (None, symbol):
            entries.append(
                row
                | {
                    "kind": "order",
                    "at": row["sent_at"],
                    "words": words,
                    "value": value,
                    "command": command,
                    "type": symbol,
                }
            )
    return entries


def _merge(messages, orders):
    """Messages keep the order of their ids; an order stands above the first message that is not younger."""
    merged, orders = [], list(orders)
    for message in messages:
        while orders and orders[0]["at"] >= message["at"]:
            merged.append(orders.pop(0))
        merged.append(message)
    return merged + orders


async def _offers(datasette):
    """What the filters offer."""
    heard = await select(datasette, "select distinct type_name as name from channels order by 1")
    symbols = {
        command.name: [type.name for type in TYPES[command][1]]
        for command in (Command.internal, Command.presentation, Command.stream)
    }
    return {
        "gateway": await select(datasette, "select name from gateways order by id"),
        "node": await select(datasette, "select id, name from nodes order by name, id"),
        "command": [command.name for command in Command],
        "type": {"values heard": [row["name"] for row in heard or []], **symbols},
    }
