"""POST /-/ota/firmware and what else is done to stored firmware. The HEX file is read before the database is locked."""

import asyncio
import re
import time
from typing import NamedTuple

from ingest.db.time import format_utc
from ota.image import MAX_HEX, Image, ImageError, parse_intel_hex
from ota.update import OPEN
from plugins.web.actions.action import Done, perform, raise_topic
from plugins.web.forms import RefusedError, Upload
from plugins.web.image_guard import open_images

LIMIT = MAX_HEX + 16 * 1024  # bytes of a body with a HEX file
LONGEST_NAME = 100
NUMBERS = 65535
MARKS = ", ".join(f"'{state}'" for state in OPEN)
IN_USE = (
    f"select id from ota_updates where firmware = ? and (state in ({MARKS}) or owed = 1) order by id limit 1"
)
SHOWN = "id, type, version, blocks, crc, sha256, filename, size, uploaded_at, uploaded_by"


class Sent(NamedTuple):
    """What an upload brought."""

    type: int
    version: int
    image: Image
    filename: str
    replace: bool


async def post_firmware(datasette, request):
    """`type`, `version`, `file`, maybe `replace=1`: 201, or 200 where the same bytes are stored already."""
    sent = []

    async def prepare(fields):
        sent.append(await read_upload(fields))

    def deed(connection, fields, actor):
        row, is_new = store(connection, sent[0], actor)
        subject = f"firmware {row['type']}/{row['version']}"
        if not is_new:
            return Done(f"These bytes are stored already, as {subject}", subject, row, 200)
        return Done(f"Stored as {subject}: {row['blocks']} blocks, CRC {row['crc']:04X}", subject, row)

    return await perform(
        datasette, request, "upload", "upload", deed, status=201, limit=LIMIT, after="/-/ota", prepare=prepare
    )


async def read_upload(fields, type="type", version="version", file="file"):
    """The fields of an upload as Sent, by the names that they have in the form. Raises RefusedError, in words."""
    numbers = [read_number(fields, type), read_number(fields, version)]
    if numbers == [NUMBERS, NUMBERS]:
        raise RefusedError(
            400, f"{type} and {version} 65535 mean that a node has no firmware: choose other numbers"
        )
    given = fields.get(file)
    if given is None or given == "":
        raise RefusedError(400, f"{file} is needed: an Intel HEX file")
    content, name = (given.content, given.filename) if isinstance(given, Upload) else (given, "")
    try:
        image = await asyncio.to_thread(parse_intel_hex, content)
    except ImageError as error:
        raise RefusedError(400, f"{file}: {error}", subject=clean_name(name)) from None
    return Sent(*numbers, image, clean_name(name), is_yes(fields, "replace"))


def read_number(fields, name, most=NUMBERS, otherwise=None):
    """A whole number from 0 to `most`. Raises RefusedError, in words."""
    text = fields.get(name, "")
    text = text.strip() if isinstance(text, str) else None
    if text == "" and otherwise is not None:
        return otherwise
    if not text or not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) > most:
        raise RefusedError(400, f"{name} is needed: a whole number from 0 to {most}")
    return int(text)


def is_yes(fields, name):
    value = fields.get(name, "")
    return isinstance(value, str) and value.strip().lower() in ("1", "true", "on", "yes")


def clean_name(name):
    """The last part of a file's name, without what does not print."""
    last = re.split(r"[/\\]", name)[-1]
    return "".join(letter for letter in last if letter.isprintable()).strip()[:LONGEST_NAME] or "unnamed.hex"


def store(connection, sent, actor):
    """(the stored row, whether it is new). Raises RefusedError for other bytes under the same numbers."""
    image, label = sent.image, f"{sent.type}/{sent.version}"
    row = find_firmware(connection, sent.type, sent.version)
    if row is not None and row["sha256"] == image.sha256:
        return row, False
    values = {
        "name": label,
        "type": sent.type,
        "version": sent.version,
        "blocks": image.blocks,
        "crc": image.crc,
        "sha256": image.sha256,
        "filename": sent.filename,
        "size": image.size,
        "uploaded_at": format_utc(time.time()),
        "uploaded_by": actor,
    }
    if row is not None:
        refuse_in_use(connection, row, "replaced")
        if not sent.replace:
            raise RefusedError(
                409,
                f"Firmware {label} is stored with other bytes ({row['filename']}, {row['blocks']} blocks, "
                f"CRC {row['crc']:04X}): give it another version, or send replace=1",
                subject=f"firmware {label}",
            )
        names = ", ".join(f"{name} = :{name}" for name in values)
        connection.execute(f"update firmware set {names} where id = :id", {**values, "id": row["id"]})
        number = row["id"]
    else:
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        number = connection.execute(f"insert into firmware ({names}) values ({marks})", values).lastrowid
    with open_images():
        connection.execute(
            "insert into firmware_images (firmware, data) values (?, ?) "
            "on conflict (firmware) do update set data = excluded.data",
            (number, image.data),
        )
    raise_topic(connection, "firmware")
    return find_firmware(connection, sent.type, sent.version), True


def find_firmware(connection, type, version):
    """The row as a dict, or None."""
    row = connection.execute(
        f"select {SHOWN} from firmware where type = ? and version = ?", (type, version)
    ).fetchone()
    return dict(row) if row is not None else None


def refuse_in_use(connection, row, what):
    """Raise RefusedError while an update needs these bytes."""
    used = connection.execute(IN_USE, (row["id"],)).fetchone()
    if used is not None:
        label = f"{row['type']}/{row['version']}"
        words = (
            f"Firmware {label} cannot be {what}: update {used['id']} uses it, or a node may hold a part of it"
        )
        raise RefusedError(409, words, subject=f"firmware {label}")


async def post_delete(datasette, request):
    """Take a firmware away that nobody needs."""
    number = int(request.url_vars["id"])

    def deed(connection, fields, actor):
        row = connection.execute(f"select {SHOWN} from firmware where id = ?", (number,)).fetchone()
        if row is None:
            raise RefusedError(404, f"There is no firmware {number}")
        refuse_in_use(connection, row, "deleted")
        with open_images():
            connection.execute("delete from firmware_images where firmware = ?", (number,))
            connection.execute("delete from firmware where id = ?", (number,))
        raise_topic(connection, "firmware")
        subject = f"firmware {row['type']}/{row['version']}"
        return Done(f"Deleted {subject} ({row['filename']})", subject, {"id": number})

    return await perform(datasette, request, "delete_firmware", "upload", deed, after="/-/ota")
