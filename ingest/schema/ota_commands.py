"""What became of commands to bootloaders: columns that were added to `ota_commands`."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import run_script

FOLLOWED = """
alter table ota_commands add column sent_at text;
alter table ota_commands add column given_ids text not null default '';
alter table ota_commands add column new_node_id integer;
"""


def followed_commands(db: Database) -> None:
    """Let a command be followed until its node is heard again."""
    run_script(db, FOLLOWED)
