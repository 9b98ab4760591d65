"""MYSController's and FHEM's list of firmware, `firmware_config.csv`, with the HEX files beside it.

    Type,Name,Version,File,Comments
    10,Blink,1,Blink.hex,blinking example

In FHEM a line that begins with # is a comment, the header too, and a comma ends a field wherever it stands.
MYSController wants a header. A spreadsheet that saved the list may have put semicolons or tabs for commas.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from sqlite3 import Connection
from typing import NamedTuple

from ingest.transfer.importers.firmware_rows import ListedFirmware, store_listed
from ingest.transfer.importers.source import ImportSource, Saved, StateImport
from ingest.transfer.records import ImportOptions
from ota.image import MAX_HEX, Image, ImageError, parse_intel_hex

HEADER = ["type", "name", "version", "file"]
NUMBER = re.compile(r"\d{1,5}", re.ASCII)
MAX_NUMBER = 65535  # of a type or version: 16 bits
MAX_LIST = 1 << 20  # bytes of a list
SEPARATORS = ",;\t"


class ListedRow(NamedTuple):
    """A row of the list, as text."""

    type: str
    name: str
    version: str
    file: str
    comment: str = ""


class FirmwareListSource(ImportSource):
    """A list of firmware and the HEX files that it names."""

    kind = "firmware list"
    title = "list of firmware"
    looked_for = (
        "firmware_config.csv of MYSController or FHEM (Type,Name,Version,File,Comments), "
        "its HEX files beside it"
    )

    def __init__(self, path: Path, options: ImportOptions) -> None:
        self._path = path
        self.target = "firmware"

    @classmethod
    def recognises(cls, path: Path, options: ImportOptions) -> bool:
        """True for the header, or for a first row that has numbers and a HEX file where they belong."""
        with path.open("rb") as file:
            head = file.read(4096).decode("utf-8-sig", errors="replace")
        first = next((fields for fields in _split_lines(head, comments=True)), [])
        if [field.lower() for field in first[:4]] == HEADER:
            return True
        row = next(_rows(head), None)
        return row is not None and _is_firmware(row)

    def states(self) -> Iterable[StateImport]:
        """The firmware of the list."""
        yield StateImport("firmware", "stored", self._save)

    def _save(self, connection: Connection) -> Saved:
        stored, skipped = 0, Counter[str]()
        with self._path.open("rb") as file:
            text = file.read(MAX_LIST).decode("utf-8-sig", errors="replace")
        for row in _rows(text):
            found = self._read(row)
            refusal = store_listed(connection, found) if isinstance(found, ListedFirmware) else found
            stored += refusal is None
            if refusal is not None:
                skipped[refusal] += 1
        return Saved(stored, skipped)

    def _read(self, row: ListedRow) -> ListedFirmware | str:
        """The firmware of a row, or why it is left out."""
        type, version = _number(row.type), _number(row.version)
        label = f"{row.type}/{row.version} {row.file}"
        if type is None or version is None:
            return f"{label}: type and version are whole numbers from 0 to {MAX_NUMBER}"
        if type == version == MAX_NUMBER:
            return f"{label}: 65535/65535 means that a node has no firmware"
        image = self._image(row.file)
        if isinstance(image, str):
            return f"{label}: {image}"
        description = ": ".join(filter(None, (row.name, row.comment)))
        filename = PurePosixPath(row.file.replace("\\", "/")).name
        return ListedFirmware(type, version, filename, image, None, description)

    def _image(self, file: str) -> Image | str:
        path = find_beside(self._path, file)
        if path is None:
            return f"there is no such file beside {self._path.name}: copy the HEX files into its folder"
        try:
            with path.open("rb") as opened:
                return parse_intel_hex(opened.read(MAX_HEX + 1))
        except ImageError as error:
            return str(error)
        except OSError as error:
            return f"it cannot be read: {error.strerror}"


def find_beside(list_path: Path, name: str) -> Path | None:
    """The file that a list names, in its folder or below; None for any other place.

    Windows compares names without regard to case: what was written there may differ from the file in that.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or parts[0] == "/" or parts[0].endswith(":"):
        return None
    path = list_path.parent
    try:
        for part in parts:
            if not (path / part).exists():
                alike = (one.name for one in path.iterdir() if one.name.lower() == part.lower())
                part = next(alike, part)
            path = path / part
            if path.is_symlink() or not path.exists():
                return None
    except OSError:  # a name that is too long, a file in the place of a folder
        return None
    return path if path.is_file() else None


def _rows(text: str) -> Iterator[ListedRow]:
    """The rows behind the header and the comments."""
    for fields in _split_lines(text):
        if [field.lower() for field in fields[:4]] != HEADER:
            fields = [*fields, "", "", "", ""]
            yield ListedRow(*fields[:5])


def _split_lines(text: str, comments: bool = False) -> Iterator[list[str]]:
    """The fields of each line that is not empty, comments without their # or not at all."""
    for line in text.splitlines():
        bare = line.strip().lstrip("#") if comments else line.strip()
        if not bare or bare.startswith("#"):
            continue
        separator = next((one for one in SEPARATORS if bare.count(one) >= 3), ",")
        fields = [field.strip().strip('"').strip() for field in bare.split(separator, 4)]
        if len(fields) == 5:
            fields[4] = fields[4].rstrip(separator)  # empty columns of a spreadsheet
        yield fields


def _is_firmware(row: ListedRow) -> bool:
    return None not in (_number(row.type), _number(row.version)) and row.file.lower().endswith(".hex")


def _number(text: str) -> int | None:
    """A type or version, None for what is no number of 16 bits."""
    return int(text) if NUMBER.fullmatch(text) and int(text) <= MAX_NUMBER else None
