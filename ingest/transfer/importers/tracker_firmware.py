"""Firmware of a tracker's database: its HEX text is read anew, because its block counts and CRCs may be wrong."""

from collections import Counter

from ingest.db.connection import transaction


def save(connection, source, at):
    """Store what is not there yet; `at` turns its times into ours. Returns (rows stored, Counter of the reasons)."""
    rows = source.execute(
        "select fw_type, fw_ver, filename, hex_data, uploaded from firmware order by id"
    ).fetchall()
    from ota.image import ImageError, parse_intel_hex

    stored, skipped = 0, Counter()
    for type, version, filename, text, uploaded in rows:
        try:
            image = parse_intel_hex(text)
        except ImageError as error:
            skipped[f"{type}/{version}: {error}"] += 1
            continue
        with transaction(connection):
            fresh = _insert(connection, type, version, filename or "unnamed.hex", image, at(uploaded))
        stored += fresh
        skipped["stored already under the same type and version"] += not fresh
    return stored, +skipped


def _insert(connection, type, version, filename, image, uploaded_at):
    if connection.execute(
        "select 1 from firmware where type = ? and version = ?", (type, version)
    ).fetchone():
        return False
    number = connection.execute(
        "insert into firmware (name, type, version, blocks, crc, sha256, filename, size, uploaded_at, uploaded_by) "
        "values (?, ?, ?, ?, ?, ?, ?, ?, coalesce(?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), 'import')",
        (
            f"{type}/{version}",
            type,
            version,
            image.blocks,
            image.crc,
            image.sha256,
            filename,
            image.size,
            uploaded_at,
        ),
    ).lastrowid
    connection.execute("insert into firmware_images (firmware, data) values (?, ?)", (number, image.data))
    return True
