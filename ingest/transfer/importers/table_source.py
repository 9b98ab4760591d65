"""What SQLite files of other programs have in common."""

from pathlib import Path

from ingest.transfer.importers.source import ImportSource
from ingest.transfer.records import ImportOptions
from ingest.transfer.streams import open_source, tables_of


class TableSource(ImportSource):
    """Another program's SQLite file."""

    def __init__(self, path: Path, options: ImportOptions) -> None:
        self._source, self._options = open_source(path), options
        self._tables = tables_of(self._source)

    def close(self) -> None:
        """Close the file."""
        self._source.close()
