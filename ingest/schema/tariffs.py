"""Tariffs that users enter on the page of energy, beside those of the config."""

from sqlite_utils import Database

from ingest.schema.sql_fragments import run_script

TARIFFS = """
alter table tariffs add column set_at text;
alter table tariffs add column set_by text;
"""


def tariffs_of_pages(db: Database) -> None:
    """Say of a tariff who entered it and when; null: it is the config's."""
    run_script(db, TARIFFS)
