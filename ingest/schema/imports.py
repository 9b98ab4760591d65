"""The table of imports from other programs."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import run_script

IMPORTS = """
create table imports (
  id integer primary key,
  kind text not null,
  stream text not null,
  target text not null,
  file text not null,
  position integer not null default 0,
  mark text not null default '',
  last_at text,
  rows integer not null default 0,
  stored integer not null default 0,
  skipped text not null default '{}',
  first_id integer,
  next_id integer,
  last_id integer,
  own text not null default '{}',
  started_at text not null,
  finished_at text
)
"""


def imports(db: Database) -> None:
    """Create the table of imports: what came from other programs, how far each file has been read."""
    db.execute(IMPORTS)


def imports_of_samples(db: Database) -> None:
    """Let samples and readings have reserved ids, as messages do; recorded ranges are looked up anew."""
    run_script(
        db,
        """alter table imports drop column own;
        alter table imports add column numbers text not null default 'messages';
        alter table imports add column after_at text""",
    )
