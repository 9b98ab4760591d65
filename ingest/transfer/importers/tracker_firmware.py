"""Firmware of a tracker's database, read anew from HEX: its block counts and CRCs may be wrong."""

import sqlite3
from collections import Counter
from collections.abc import Callable

from ingest.db.connection import transaction
from ingest.transfer.importers.source import Saved
from ota.image import Image, ImageError, parse_intel_hex

INSERT = """insert into firmware
(name, type, version, blocks, crc, sha256, filename, size, uploaded_at, uploaded_by)
values (?, ?, ?, ?, ?, ?, ?, ?, coalesce(?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), 'import')"""


def save_firmware(
    connection: sqlite3.Connection, source: sqlite3.Connection, at: Callable[[str], str | None]
) -> Saved:
    """Store what is not there yet; `at` turns the tracker's times into ours."""
    stored, skipped = 0, Counter[str]()
    for type, version, filename, text, uploaded in source.execute(
        "select fw_type, fw_ver, filename, hex_data, uploaded from firmware order by id"
    ).fetchall():
        try:
            image = parse_intel_hex(text)
        except ImageError as error:
            skipped[f"{type}/{version}: {error}"] += 1
            continue
        with transaction(connection):
            is_new = _insert(connection, type, version, filename or "unnamed.hex", image, at(uploaded))
        stored += is_new
        skipped["stored already under the same type and version"] += not is_new
    return Saved(stored, +skipped)


def _insert(
    connection: sqlite3.Connection,
    type: int,
    version: int,
    filename: str,
    image: Image,
    uploaded_at: str | None,
) -> bool:
    if connection.execute(
        "select 1 from firmware where type = ? and version = ?", (type, version)
    ).fetchone():
        return False
    facts = (image.blocks, image.crc, image.sha256, filename, image.size, uploaded_at)
    number = connection.execute(INSERT, (f"{type}/{version}", type, version, *facts)).lastrowid
    connection.execute("insert into firmware_images (firmware, data) values (?, ?)", (number, image.data))
    return True
