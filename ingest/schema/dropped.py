"""What gateways sent and was not kept, because it was beyond the limits of `ingest.mysensors.intake`."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import DAY_AGO, run_script
from ingest.severity import FINDING

DROPPED = """
create table dropped (
  source text not null,
  what text not null,
  count integer not null,
  first_at text not null,
  last_at text not null,
  reason text not null,
  primary key (source, what)
) without rowid;
"""


def dropped(db: Database) -> None:
    """Create the table of what was not kept."""
    run_script(db, DROPPED)


DROPPED_TODAY = f"""
select source, what, count, first_at, last_at, case what
    when 'messages' then count || case count when 1 then ' message was' else ' messages were' end
      || ' not kept: ' || reason
      || '; is its radio disturbed, or does another program send to it? Delete nodes that are not yours'
    else count || case count when 1 then ' unreadable line was' else ' unreadable lines were' end
      || ' counted and not kept, the last: ' || reason end as text
from dropped where last_at > {DAY_AGO}
"""
ATTENTION = f"""
select 7, '{FINDING}', 'Gateway ' || source, text, first_at, '/telemetry/dropped?source=' || source
from dropped_today where source in (select name from gateways where configured)
"""

VIEWS = {"dropped_today": DROPPED_TODAY}
