"""Firmware that another program knows, as rows of `firmware` with their images."""

from sqlite3 import Connection
from typing import NamedTuple

from ingest.db.connection import transaction
from ingest.transfer.checkpoint import raise_topics
from ota.image import Image

INSERT = """insert into firmware
(name, type, version, blocks, crc, sha256, filename, size, uploaded_at, uploaded_by, description)
values (?, ?, ?, ?, ?, ?, ?, ?, coalesce(?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), 'import', ?)"""


class ListedFirmware(NamedTuple):
    """An image as another program lists it. `uploaded_at` is UTC text, None where it keeps no time."""

    type: int
    version: int
    filename: str
    image: Image
    uploaded_at: str | None = None
    description: str = ""


def store_listed(connection: Connection, firmware: ListedFirmware) -> str | None:
    """Store an image in a transaction of its own; returns why it is left out, or None."""
    image = firmware.image
    with transaction(connection):
        held = connection.execute(
            "select sha256 from firmware where type = ? and version = ?", (firmware.type, firmware.version)
        ).fetchone()
        if held is not None:
            if held[0] == image.sha256:
                return "stored already under the same type and version"
            return f"{firmware.type}/{firmware.version}: other bytes are stored under this type and version"
        number = connection.execute(
            INSERT,
            (
                f"{firmware.type}/{firmware.version}",
                firmware.type,
                firmware.version,
                image.blocks,
                image.crc,
                image.sha256,
                firmware.filename,
                image.size,
                firmware.uploaded_at,
                firmware.description,
            ),
        ).lastrowid
        connection.execute("insert into firmware_images (firmware, data) values (?, ?)", (number, image.data))
        raise_topics(connection, {"firmware"})
    return None
