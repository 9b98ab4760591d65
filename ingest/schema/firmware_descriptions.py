"""What a list of firmware that was imported says of each image."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import run_script

DESCRIPTIONS = "alter table firmware add column description text not null default '';"


def firmware_descriptions(db: Database) -> None:
    """Add the description to firmware."""
    run_script(db, DESCRIPTIONS)
