"""Radio links by day, as debug lines of gateways and nodes show them."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import run_script

RADIO_LINKS = """
create table node_radio_daily (
  day text not null,
  node integer not null references nodes(id),
  sent integer not null,
  nacks integer not null,
  primary key (day, node)
) without rowid;
create index node_radio_daily_node on node_radio_daily (node, day);
"""


def radio_links(db: Database) -> None:
    """Create the table of radio links by day."""
    run_script(db, RADIO_LINKS)
