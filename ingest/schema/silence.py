"""When a node counts as silent: its gaps, what is usual, and the one rule as the view `silence_limits`."""

from sqlite_utils import Database

from ingest.db.durations import duration_sql
from ingest.mysensors.interval_stats import series_key
from ingest.mysensors.protocol import GATEWAY_NODE
from ingest.mysensors.silence import (
    FACTOR,
    LEAST_S,
    UNKNOWN_S,
    WINDOW_DAYS,
    GapRow,
    bin_of,
    save_gaps,
)
from ingest.schema.mysensors import REF
from ingest.schema.sql_fragments import run_script

GAPS = """
create table node_gaps (
  node integer not null references nodes(id),
  day text not null,
  bin integer not null,
  gaps integer not null,
  seconds real not null,
  longest_s real not null,
  primary key (node, day, bin)
) without rowid;
alter table nodes add column usual_gap_s real;
alter table nodes add column usual_gaps integer not null default 0;
alter table nodes add column retired_at text;
create index nodes_retired on nodes (id) where retired_at is not null;
"""
# A file of before has the longest gap of each day.
LONGEST_OF_DAYS = f"""select d.node, d.day, d.max_interval_s, d.intervals * d.avg_interval_s from node_daily d
join nodes n on d.series = n.id * {series_key(1)}
where d.max_interval_s >= 1
  and d.day > (select date(max(day), '-{WINDOW_DAYS} days') from node_daily where node = n.id)"""


def node_gaps(db: Database) -> None:
    """Add gaps of nodes and retired nodes; the longest gap of each day is known already."""
    run_script(db, GAPS)
    found = db.execute(LONGEST_OF_DAYS).fetchall()
    save_gaps(
        db.conn,
        [GapRow(node, day, bin_of(longest), 1, seconds, longest) for node, day, longest, seconds in found],
    )


LEARNT_S = f"coalesce(max({LEAST_S}, {FACTOR} * n.usual_gap_s), {UNKNOWN_S})"
_DAYS = f"{WINDOW_DAYS} days"
SILENCE_LIMITS = f"""
select n.id as node, n.name, {REF} as ref,
  cast(case when n.node_id = {GATEWAY_NODE} then null when s.value is null then {LEARNT_S}
    when s.value <> 'never' then s.value end as integer) as silent_after_s,
  case when n.node_id = {GATEWAY_NODE} then 'the gateway itself: its connection is watched' else case
    when s.value is not null then 'set' || coalesce(' by ' || s.set_by, '')
      || ' on ' || substr(s.set_at, 1, 10)
    when n.usual_gap_s is null then 'not known yet: a day'
    when {FACTOR} * n.usual_gap_s < {LEAST_S} then 'the least there is: '
    else '' end
  || case when s.value is null and n.usual_gap_s is not null then
    '{FACTOR} x the longest usual gap of ' || {duration_sql("n.usual_gap_s")} || ', from '
      || printf('%,d', n.usual_gaps) || case n.usual_gaps when 1 then ' gap' else ' gaps' end || ' in {_DAYS}'
    else '' end end as rule,
  n.usual_gap_s, n.usual_gaps as gaps, n.retired_at
from nodes n join gateways g on g.id = n.gateway
  left join settings s on s.subject = 'nodes/' || n.id and s.key = 'silent_after_s'
"""

VIEWS = {"silence_limits": SILENCE_LIMITS}
