"""The table of programs that watch a UPS, as its server lists them."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import run_script

UPS_CLIENTS = """
create table ups_clients (
  ups integer not null references ups(id),
  address text not null,
  logins integer not null,
  since_at text not null,
  checked_at text not null,
  primary key (ups, address)
) without rowid;

alter table ups add column clients_at text;
"""


def ups_clients(db: Database) -> None:
    """Create the table of programs that are logged in to a UPS, and when its server was last asked."""
    run_script(db, UPS_CLIENTS)
