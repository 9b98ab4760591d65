"""Firmware of a tracker's database, read anew from HEX: its block counts and CRCs may be wrong."""

import sqlite3
from collections import Counter
from collections.abc import Callable

from ingest.transfer.foreign_values import is_whole, text_of
from ingest.transfer.importers.firmware_list import MAX_NUMBER
from ingest.transfer.importers.firmware_rows import ListedFirmware, store_listed
from ingest.transfer.importers.source import Saved
from ota.image import ImageError, parse_intel_hex


def save_firmware(
    connection: sqlite3.Connection, source: sqlite3.Connection, at: Callable[[str], str | None]
) -> Saved:
    """Store what is not there yet; `at` turns the tracker's times into ours."""
    stored, skipped = 0, Counter[str]()
    for type, version, filename, text, uploaded in source.execute(
        "select fw_type, fw_ver, filename, hex_data, uploaded from firmware order by id"
    ).fetchall():
        if not (is_whole(type, MAX_NUMBER) and is_whole(version, MAX_NUMBER)):
            skipped[f"type and version are no whole numbers from 0 to {MAX_NUMBER}"] += 1
            continue
        try:
            image = parse_intel_hex(text_of(text) or "")
        except ImageError as error:
            skipped[f"{type}/{version}: {error}"] += 1
            continue
        firmware = ListedFirmware(type, version, text_of(filename) or "unnamed.hex", image, at(uploaded))
        refusal = store_listed(connection, firmware)
        stored += refusal is None
        if refusal is not None:
            skipped[refusal] += 1
    return Saved(stored, skipped)
