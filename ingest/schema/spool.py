"""Which batch of rows each reader committed last, so that one in the spool is stored once."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import run_script

BATCH_IDS = """
alter table ingest_status add column batch text;
alter table ingest_status add column restored_batch text;
"""


def batch_ids(db: Database) -> None:
    """Add the ids of batches to the health of each source."""
    run_script(db, BATCH_IDS)
