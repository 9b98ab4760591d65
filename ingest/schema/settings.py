"""The table of settings that users make on pages, and what follows from a row of it."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import NOW, run_script

SETTINGS = f"""
create table settings (
  subject text not null,
  key text not null,
  value text not null,
  set_at text not null default ({NOW}),
  set_by text,
  primary key (subject, key)
) without rowid;
"""


def settings(db: Database) -> None:
    """Create the table; settings of a row go with the row."""
    run_script(db, SETTINGS)
    for table in ("nodes", "sensors", "ups"):
        db.execute(
            f"create trigger {table}_settings_deleted after delete on {table} begin "
            f"delete from settings where subject = '{table}/' || old.id; end"
        )
