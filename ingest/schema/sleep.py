"""Windows that nodes announce: how many make a sleeper of one, kept across restarts."""

from sqlite_utils import Database

from ingest.mysensors.protocol import Command, Internal
from ingest.mysensors.sleep import SLEEPER_WINDOWS

NEWEST = 2000  # messages of a node that are looked at for its windows

# A version before took a node for a sleeper at its first window: those with fewer than three are doubted.
COUNT_WINDOWS = f"""update nodes set windows = (
  select min({SLEEPER_WINDOWS}, count(*)) from (
    select received_at, command, type, echo from messages where node = nodes.id
    order by id desc limit {NEWEST}
  ) where command = {Command.internal:d} and type = {Internal.I_PRE_SLEEP_NOTIFICATION:d} and echo = 0
    and received_at >= coalesce(nodes.presented_at, '')
) where smart_sleep_ms is not null"""
DOUBT = f"update nodes set smart_sleep_ms = null where windows < {SLEEPER_WINDOWS}"


def sleep_windows(db: Database) -> None:
    """Count the windows of nodes, and doubt sleepers that announced fewer than three."""
    db.execute("alter table nodes add column windows integer not null default 0")
    db.execute(COUNT_WINDOWS)
    db.execute(DOUBT)
