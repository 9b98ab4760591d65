"""The log of messages and orders, filtered and page by page."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from ingest.schema.mysensors import REF
from plugins.web.canned import run_query
from plugins.web.pages.nodes import gateway_metric
from plugins.web.query import Row, select
from plugins.web.site import Site
from reporting.message_text import Description, describe_order, describe_row

SHOWN = 20  # messages on a page of the log
LOOKED = 20_000  # messages that the query message_log looks through
SCATTERED = 5_000  # the same for those of a node and strange ones, each of which lies in a page of its own
ORDERS = 200  # orders between the messages of a page
SWITCHES = ("strange", "keepalive")
FILTERS = ("gateway", "node", "command", "type", *SWITCHES)
NEWEST = 2**62  # no message has this id
ORDER_ROWS = f"""select x.*, n.name, n.node_id, g.name as gateway, {REF} as ref,
  '/nodes/' || g.name || '/' || n.node_id as href
from outbox x join nodes n on n.id = x.node join gateways g on g.id = n.gateway where """

Filters: TypeAlias = dict[str, str]


class LogEntry(NamedTuple):
    """A message, or an order where it was sent: its row, when, and as text."""

    kind: str  # message or order
    row: Row
    at: str
    description: Description


class SearchEnd(NamedTuple):
    """Where message_log has stopped looking: the message to go on from, its time, messages looked at."""

    id: int
    at: str
    looked: int


class Log(NamedTuple):
    """A page of the log. `more` is the id to go on from; `end` where the search ended with too few."""

    slow: bool = False
    entries: Sequence[LogEntry] = ()
    messages: int = 0
    more: int | None = None
    end: SearchEnd | None = None


async def read_log(site: Site, chosen: Filters, before: int | None) -> Log:
    """Messages by id, and orders where they were sent."""
    start = await _find_start(site, chosen, before)
    filters = {name: chosen.get(name, "") for name in FILTERS}
    rows = await run_query(site, "message_log", **filters, before="" if start is None else str(start))
    if rows is None:
        return Log(slow=True)
    metric = gateway_metric(site)
    messages = [_describe_message(row, metric) for row in rows[:SHOWN]]
    full = len(rows) > SHOWN
    end = None if full else await _find_end(site, chosen, start)
    oldest = messages[-1].at if full else end.at if end else ""
    orders = [] if "strange" in chosen else await _read_orders(site, chosen, before, oldest, metric)
    more = rows[SHOWN - 1]["id"] if full else end.id if end else None
    return Log(False, _merge(messages, orders), len(messages), more, end)


async def _find_start(site: Site, chosen: Filters, before: int | None) -> int | None:
    """The id below which to look.

    For a gateway alone that is right above its newest message, so that no silence of its lies in between.
    """
    if "gateway" not in chosen or "node" in chosen or "strange" in chosen:
        return before
    rows = await select(
        site,
        """select max(id) + 1 as id from (
          select (select m.id from messages m where m.node = n.id and m.id < :before
            order by m.id desc limit 1) as id
          from nodes n where n.gateway in (select id from gateways where name = :gateway)
          union all
          select (select m.id from messages m where m.node is null and m.id < :before
            order by m.id desc limit 1))""",
        {"gateway": chosen["gateway"], "before": before or NEWEST},
    )
    return rows[0]["id"] or 0 if rows else before


async def _find_end(site: Site, chosen: Filters, start: int | None) -> SearchEnd | None:
    """Where message_log has stopped looking; None where that was the end of the messages."""
    looked = SCATTERED if {"strange", "node"} & set(chosen) else LOOKED
    if "strange" in chosen:
        sql = "select message as id from oddities where message < :start order by message desc"
    elif "keepalive" in chosen and not {"gateway", "command", "type"} & set(chosen):
        return None
    elif "node" in chosen:
        sql = """select id from messages where node = (select id from nodes where id = :node) and id < :start
          order by id desc"""
    else:
        sql = "select id from messages where id < :start order by id desc"
    rows = await select(
        site,
        f"""select o.id,
          (select m.received_at from messages m where m.id <= o.id order by m.id desc limit 1) as at
        from ({sql} limit 1 offset {looked - 1}) o""",
        {"start": NEWEST if start is None else start, "node": chosen.get("node", "")},
    )
    return SearchEnd(rows[0]["id"], rows[0]["at"], looked) if rows else None


def _describe_message(row: Row, metric: dict[str, bool]) -> LogEntry:
    description = describe_row(row, metric.get(row["gateway"], True))
    return LogEntry("message", row, row["received_at"], description)


async def _read_orders(
    site: Site, chosen: Filters, before: int | None, oldest: str, metric: dict[str, bool]
) -> list[LogEntry]:
    """Orders from the time `oldest` up to the message `before` that match the filters; newest first."""
    until = "9"  # after every time
    if before is not None:
        rows = await select(
            site, "select received_at as at from messages where id >= ? order by id limit 1", [before]
        )
        until = rows[0]["at"] if rows else until
    rows = await select(
        site,
        f"""{ORDER_ROWS} x.sent_at >= :oldest and x.sent_at < :until
        and (:node = '' or x.node = (select id from nodes where id = :node))
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
        order = describe_order(row["order"], row["line"], metric.get(row["gateway"], True))
        if chosen.get("command") in (None, order.command) and chosen.get("type") in (None, order.type_name):
            entries.append(LogEntry("order", row, row["sent_at"], order))
    return entries


def _merge(messages: list[LogEntry], orders: list[LogEntry]) -> list[LogEntry]:
    """Messages keep the order of their ids; an order stands above the first message that is not younger."""
    merged, left = [], list(orders)
    for message in messages:
        while left and left[0].at >= message.at:
            merged.append(left.pop(0))
        merged.append(message)
    return merged + left
