"""POST /-/ota/firmware: where an upload is checked and stored.

The HEX file is read before the database is locked.
"""

import asyncio
import re
import sqlite3
import time
from typing import NamedTuple

from ingest.db.changes import raise_topics
from ingest.db.time import format_utc
from ingest.orders.ota_nodes import MAX_NUMBER
from ingest.orders.ota_updates import OPEN_STATES, SHOWN, find_firmware
from ingest.orders.outcome import Done, RefusedError
from ingest.orders.subjects import find_row
from ota.image import MAX_HEX, Image, ImageError, parse_intel_hex
from plugins.web.actions.action import Action, Submission
from plugins.web.endpoint import Endpoint, documented_route
from plugins.web.forms import Fields
from plugins.web.query import Row
from plugins.web.table_guard import open_tables

MAX_UPLOAD = MAX_HEX + 16 * 1024  # bytes of a body with a HEX file
MAX_FILENAME = 100  # characters
IN_USE = (
    f"select id from ota_updates where firmware = ? and (state in ({OPEN_STATES}) or owed = 1) "
    "order by id limit 1"
)


class UploadRequest(NamedTuple):
    """A firmware as it was uploaded. `replace`: in place of other bytes under the same type and version."""

    type: int
    version: int
    image: Image
    filename: str
    replace: bool

    @property
    def label(self) -> str:
        """`type/version`."""
        return f"{self.type}/{self.version}"


def firmware_label(row: Row) -> str:
    """A firmware as messages and audit rows name it, as in `firmware 10/4`."""
    return f"firmware {row['type']}/{row['version']}"


async def read_upload(
    fields: Fields, type: str = "type", version: str = "version", file: str = "file"
) -> UploadRequest:
    """The fields of an upload, by the names that they have in the form. Raises RefusedError."""
    numbers = fields.number(type, MAX_NUMBER), fields.number(version, MAX_NUMBER)
    if numbers == (MAX_NUMBER, MAX_NUMBER):
        raise RefusedError(
            400, f"{type} and {version} 65535 mean that a node has no firmware: choose other numbers"
        )
    upload = fields.file(file)
    if upload is None:
        raise RefusedError(400, f"{file} is needed: an Intel HEX file")
    filename = clean_filename(upload.filename)
    try:
        image = await asyncio.to_thread(parse_intel_hex, upload.content)
    except ImageError as error:
        raise RefusedError(400, f"{file}: {error}", subject=filename) from None
    return UploadRequest(*numbers, image, filename, fields.is_yes("replace"))


def clean_filename(name: str) -> str:
    """The last part of a file's name, without what does not print."""
    last = re.split(r"[/\\]", name)[-1]
    return "".join(letter for letter in last if letter.isprintable()).strip()[:MAX_FILENAME] or "unnamed.hex"


def store_firmware(connection: sqlite3.Connection, upload: UploadRequest, actor: str) -> tuple[Row, bool]:
    """(the stored row, whether it is new). Raises RefusedError for other bytes under the same numbers."""
    row = find_firmware(connection, upload.type, upload.version)
    if row is not None:
        if row["sha256"] == upload.image.sha256:
            return row, False
        _refuse_replacing(connection, row, upload)
    values = {
        "name": upload.label,
        "type": upload.type,
        "version": upload.version,
        "blocks": upload.image.blocks,
        "crc": upload.image.crc,
        "sha256": upload.image.sha256,
        "filename": upload.filename,
        "size": upload.image.size,
        "uploaded_at": format_utc(time.time()),
        "uploaded_by": actor,
    }
    updates = ", ".join(f"{name} = excluded.{name}" for name in values)
    names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    stored = connection.execute(
        f"insert into firmware ({names}) values ({marks}) "
        f"on conflict (type, version) do update set {updates} returning {SHOWN}",
        values,
    ).fetchone()
    with open_tables(connection, "firmware_images"):
        connection.execute(
            "insert into firmware_images (firmware, data) values (?, ?) "
            "on conflict (firmware) do update set data = excluded.data",
            (stored["id"], upload.image.data),
        )
    raise_topics(connection, ["firmware"])
    return dict(stored), True


def _refuse_replacing(connection: sqlite3.Connection, row: Row, upload: UploadRequest) -> None:
    _refuse_in_use(connection, row, "replaced")
    if not upload.replace:
        raise RefusedError(
            409,
            f"Firmware {upload.label} is stored with other bytes ({row['filename']}, {row['blocks']} blocks, "
            f"CRC {row['crc']:04X}): give it another version, or send replace=1",
            subject=firmware_label(row),
        )


def _refuse_in_use(connection: sqlite3.Connection, row: Row, what: str) -> None:
    """Raise RefusedError while an update needs these bytes."""
    used = connection.execute(IN_USE, (row["id"],)).fetchone()
    if used is not None:
        label = firmware_label(row)
        raise RefusedError(
            409,
            f"{label.capitalize()} cannot be {what}: "
            f"update {used['id']} uses it, or a node may hold a part of it",
            subject=label,
        )


def _upload(connection: sqlite3.Connection, form: Submission[UploadRequest]) -> Done:
    row, is_new = store_firmware(connection, form.prepared, form.actor)
    subject = firmware_label(row)
    if not is_new:
        return Done(f"These bytes are stored already, as {subject}", subject, row, 200)
    return Done(f"Stored as {subject}: {row['blocks']} blocks, CRC {row['crc']:04X}", subject, row)


def _delete(connection: sqlite3.Connection, form: Submission[None]) -> Done:
    sql = f"select {SHOWN} from firmware where id = ?"
    row = dict(find_row(connection, sql, (form.id,), f"There is no firmware {form.id}"))
    _refuse_in_use(connection, row, "deleted")
    with open_tables(connection, "firmware_images"):
        connection.execute("delete from firmware_images where firmware = ?", (form.id,))
        connection.execute("delete from firmware where id = ?", (form.id,))
    subject = firmware_label(row)
    return Done(f"Deleted {subject} ({row['filename']})", subject, {"id": form.id})


UPLOAD = Action(
    "upload",
    "upload",
    _upload,
    status=201,
    after="/-/ota",
    limit=MAX_UPLOAD,
    files=("file",),
    prepare=read_upload,
)
DELETE = Action("delete_firmware", "upload", _delete, after="/-/ota", topics=("firmware",))

ROUTES = (
    documented_route(
        r"^/-/ota/firmware$",
        UPLOAD.post,
        Endpoint(
            "Upload a firmware",
            "201; 200 where the same bytes are stored already; 409 where others are.",
            "POST",
            "upload",
            {
                "type": "kind of firmware, 0 to 65535",
                "version": "0 to 65535",
                "file": "the .hex of the sketch",
                "replace": "1: in place of other bytes",
            },
            {"type": "10", "version": "4", "file": "@build/sketch.hex"},
            statuses=(200, 201),
        ),
    ),
    documented_route(
        r"^/-/ota/firmware/(?P<id>\d{1,9})/delete$",
        DELETE.post,
        Endpoint(
            "Delete a firmware that no update needs",
            "ID is of the table firmware.",
            "POST",
            "upload",
            at={"ID": "1"},
        ),
    ),
)
