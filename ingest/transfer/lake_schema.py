"""The versioned schema of exported files, as lake_schema.yml has it."""

import functools
from pathlib import Path
from typing import NamedTuple

import yaml

PATH = Path(__file__).with_name("lake_schema.yml")
DUCKDB_TYPES = {  # how the type is written; how it is handed over, as JSON
    "integer": ("BIGINT", "BIGINT"),
    "real": ("DOUBLE", "DOUBLE"),
    "text": ("VARCHAR", "VARCHAR"),
    "time": ("TIMESTAMP", "VARCHAR"),
    "bytes": ("BLOB", "VARCHAR"),
}


class LakeSchema(NamedTuple):
    """Its version, and table -> column -> type."""

    version: int
    tables: dict[str, dict[str, str]]


@functools.cache
def lake_schema() -> LakeSchema:
    """The schema that this version of Voltkeeper writes."""
    read = yaml.safe_load(PATH.read_text(encoding="utf-8"))
    return LakeSchema(read["version"], read["tables"])
