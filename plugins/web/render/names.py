"""What ids in cells stand for: the label and the page of a node, sensor, channel, gateway or UPS."""

import time
from typing import NamedTuple

from plugins.web.query import DATABASE, select_many
from plugins.web.site import Site

KEPT_S = 20  # so long a label of before may be shown
MOST = 20_000  # of each kind
QUERIES = {
    "node": f"""select n.id, n.name as label, '/nodes/' || g.name || '/' || n.node_id as page
      from nodes n join gateways g on g.id = n.gateway limit {MOST}""",
    "sensor": f"""select s.id, s.name as label, '/nodes/' || g.name || '/' || n.node_id as page
      from sensors s join nodes n on n.id = s.node join gateways g on g.id = n.gateway limit {MOST}""",
    "channel": f"select channel as id, name as label, href as page from channel_units limit {MOST}",
    "gateway": "select id, name as label, '/nodes?gateway=' || name as page from gateways",
    "ups": "select id, coalesce(nullif(label, ''), name) as label, '/ups/' || name as page, name from ups",
}
COLUMNS = {  # column -> the kind of thing whose id it holds
    **{kind: kind for kind in QUERIES},
    "old_node": "node",
    "new_node": "node",
    "old_channel": "channel",
    "new_channel": "channel",
}
KINDS = {"node": "Node", "sensor": "Sensor", "channel": "Values", "gateway": "Gateway", "ups": "UPS"}


class Named(NamedTuple):
    """A thing that has a label and a page."""

    label: str
    page: str


class Names(NamedTuple):
    """All of them by kind and id, and the UPSes by their technical name, too."""

    things: dict[tuple[str, int], Named]
    upses: dict[str, Named]
    read_at: float = 0.0

    def of(self, column: str, value: object) -> Named | None:
        """The thing that a value of a column is the id of."""
        kind = COLUMNS.get(column)
        return self.things.get((kind, value)) if kind and isinstance(value, int) else None

    @property
    def is_fresh(self) -> bool:
        """True while it need not be read again."""
        return time.monotonic() - self.read_at < KEPT_S


def known_names(site: Site) -> Names | None:
    """The names that were read a moment ago; None where they have to be read."""
    names: Names | None = site.cache.get("names")
    return names if names and names.is_fresh else None


async def read_names(site: Site) -> Names:
    """The names of everything, kept for some seconds. What took too long is left without a name."""
    if names := known_names(site):
        return names
    if DATABASE not in site.databases:
        return Names({}, {})
    found = await select_many(site, QUERIES)
    things = {
        (kind, row["id"]): Named(row["label"], row["page"]) for kind in QUERIES for row in found[kind] or []
    }
    upses = {row["name"]: Named(row["label"], row["page"]) for row in found["ups"] or []}
    site.cache["names"] = names = Names(things, upses, time.monotonic())
    return names
