"""The wanted state of channels: the value of the newest order, beside the value that the node reported."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import run_script

# `wanted_newer` is 1 while no report has arrived after the order. It is stored because nothing else in the
# file tells: clocks are set, and the ids of `outbox` and `readings` do not compare.
WANTED = """
alter table channels add column wanted text;
alter table channels add column wanted_at text;
alter table channels add column wanted_order integer;
alter table channels add column wanted_newer integer not null default 0;
"""


def wanted(db: Database) -> None:
    """Add the wanted state to channels."""
    run_script(db, WANTED)
