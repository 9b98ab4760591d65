"""How far a site has been exported to a lake: the JSON file that an export keeps beside its files."""

import json
from dataclasses import dataclass, field
from typing import NotRequired, TypedDict

from ingest.transfer.lake_schema import lake_schema
from ingest.transfer.records import TransferError

IdRange = list[int]  # [first, last], as JSON keeps it
FileSize = list[int]  # [rows, bytes], as JSON keeps it


class HistoryState(TypedDict):
    """How far a table has been exported.

    `stretches`: the ranges of ids. `top_at`: time of the highest id. `last_at`: the latest time. `before`:
    ranges and latest time of the rows that were exported when the table was found to be another one.
    """

    stretches: list[IdRange]
    top_at: str | None
    last_at: str
    before: NotRequired[tuple[list[IdRange], str]]


@dataclass
class ExportState:
    """The keys of the JSON file; `history` is by table, at its top."""

    site: str  # the key of the database; empty in files of earlier versions
    set_number: int = 0  # how many sets of files have been completed
    imported: list[int | str] | None = None  # [id, start] of the newest import
    history: dict[str, HistoryState] = field(default_factory=dict)
    sums: dict[str, dict[str, list[object]]] = field(default_factory=dict)  # table -> day -> what changes
    files: dict[str, FileSize] | None = None  # by name; None: never listed
    writing: list[str] = field(default_factory=list)  # names of the files of the range under way

    @classmethod
    def from_json(cls, text: str, name: str) -> "ExportState":
        """Read the file `name`. Raises TransferError."""
        try:
            read = json.loads(text)
            schema = read.pop("schema", 0)
        except (ValueError, AttributeError) as error:
            raise TransferError(
                f"{name} is no state of an export: restore it, or delete it: the files are then compared anew"
            ) from error
        if schema > lake_schema().version:
            raise TransferError(
                f"{name} was written by a later version of Voltkeeper (schema {schema}, this one writes "
                f"{lake_schema().version}): update Voltkeeper, or export to another place"
            )
        return cls(
            site=read.pop("site", ""),
            set_number=read.pop("set", 0),
            imported=read.pop("imported", None),
            sums=read.pop("sums", {}),
            files=read.pop("files", None),
            writing=read.pop("writing", []),
            history={table: state for table, state in read.items() if "stretches" in state},
        )

    def to_json(self) -> str:
        """What from_json() reads."""
        return json.dumps(
            {
                "schema": lake_schema().version,
                "site": self.site,
                "set": self.set_number,
                "imported": self.imported,
                **self.history,
                "sums": self.sums,
                "files": self.files,
                "writing": self.writing,
            }
        )
