"""The page of the database: a directory of tables, views and queries with what each is about."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from plugins.web.compat import described_tables
from plugins.web.site import Site

GROUPS = {  # title -> the tables and views, but for those of NOW
    "What happened": """
      all_events ups_events outages mains_outages events messages recent_messages keepalive_messages
      value_messages readings battery_levels battery_changes ups_battery_changes ups_samples ups_figures
      ups_variable_changes polls oddities rejects dropped dropped_today ups_refused""",
    "Rolled up by hour and by day": """
      readings_hourly ups_samples_hourly ups_figures_hourly node_daily node_radio_daily silence_limits
      node_gaps battery_daily ups_minutes""",
    "Orders and firmware": """
      outbox ups_orders firmware firmware_overview firmware_images node_firmware ota_nodes ota_updates
      ota_overview ota_commands node_replacements""",
    "How the site is run": """
      ingest_status readers settings acknowledgements audit sessions dashboards saved_queries imports
      retention_runs
      deletions chores storage changes commands clock_state clock_stretches ups_hours_not_recomputed
      ups_recomputations channel_recomputations battery_recomputations battery_forecasts moved_hours
      moved_days given_ids gateway_ids deliveries mutes plan_runs plan_steps plan_cursor
      _sqlite_migrations""",
}
NOW = "What is now"
FIRST = "attention node_overview ups_overview value_latest sensor_latest radio_tree".split()
EXAMPLES = {  # title -> SQL
    "Values of the last 6 hours": """select name, value, unit, last_at
from value_latest
where last_at > ago('6 hours')
order by last_at desc""",
    "Outages over a minute": """select started_at, names, seconds, wh, cause
from mains_outages
where seconds > 60
order by seconds desc""",
    "Messages by node today": """select name, messages_today, last_seen_at, state
from node_overview
order by messages_today desc""",
    "Load by hour": """select u.name, h.hour_at, h.watts_avg, h.ups_load_max
from ups_samples_hourly h join ups u on u.id = h.ups
order by h.hour_at desc, u.name
limit 96""",
}
DEFAULT_SQL = next(iter(EXAMPLES.values()))
SENTENCE = re.compile(r"(?<!\be\.g)(?<!\bi\.e)\.(?=\s)")
LONGEST = 110  # characters of a line


class Entry(NamedTuple):
    """A table, view or query. `rows` is None where they are not counted."""

    name: str
    title: str
    about: str
    kind: str
    rows: int | None = None
    private: bool = False


def directory(
    site: Site,
    tables: Sequence[Mapping[str, Any]],  # Any: what Datasette passes to its template
    views: Sequence[Mapping[str, Any]],  # Any: as above
    show_hidden: bool,
) -> dict[str, list[Entry]]:
    """Title of a group -> its entries; the best known come first, then in the order of metadata.yml."""
    described = described_tables(site)
    order = {name: number for number, name in enumerate((*FIRST, *described))}
    found = [
        *(_entry(described, one["name"], "view", None, one["private"]) for one in views),
        *(
            _entry(described, one["name"], "table", one["count"], one["private"])
            for one in tables
            if show_hidden or not one["hidden"]
        ),
    ]
    found.sort(key=lambda one: (order.get(one.name, len(order)), one.name))
    groups = {title: set(names.split()) for title, names in GROUPS.items()}
    placed: dict[str, list[Entry]] = {NOW: [], **{title: [] for title in GROUPS}}
    for one in found:
        placed[next((title for title, names in groups.items() if one.name in names), NOW)].append(one)
    return {title: entries for title, entries in placed.items() if entries}


def split_sentence(text: str | None) -> tuple[str, str]:
    """The first sentence, and what follows it."""
    words = " ".join((text or "").split())
    found = SENTENCE.search(words)
    return (words[: found.end()], words[found.end() :].strip()) if found else (words, "")


def first_sentence(text: str | None) -> str:
    """The first sentence without its full stop, cut at its first semicolon or where it is long."""
    sentence = split_sentence(text)[0].removesuffix(".").partition("; ")[0]
    return sentence if len(sentence) <= LONGEST else sentence[:LONGEST].rpartition(" ")[0] + " …"


def _entry(
    described: Mapping[str, Mapping[str, Any]],  # Any: YAML
    name: str,
    kind: str,
    rows: int | None,
    private: bool,
) -> Entry:
    about = described.get(name) or {}
    return Entry(
        name, about.get("title") or name, first_sentence(about.get("description")), kind, rows, private
    )
