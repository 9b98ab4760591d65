"""What text files have in common: a record a line.

The interval of samples is learned from the lines themselves.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path

from ingest.transfer.importers.source import ImportSource
from ingest.transfer.records import ImportOptions, Item
from ingest.transfer.samples import Samples, find_intervals
from ingest.transfer.sink import ImportSink
from ingest.transfer.streams import ImportStream, TextStream


class LogSource(ImportSource):
    """A text file of samples. Open only while it is read."""

    stream_name = "lines"
    head = 0  # lines before the first one that counts

    def __init__(self, path: Path, options: ImportOptions) -> None:
        self._path, self._options = path, options
        self.target = options.ups or ""

    @abstractmethod
    def parser(self) -> Callable[[str], Item]:
        """A function that turns a line into an item, made anew."""

    def stream(self) -> TextStream:
        """The lines, from the beginning."""
        return TextStream(self._path, self.stream_name, self.parser, self.head)

    def streams(self) -> Iterable[tuple[ImportStream, ImportSink]]:
        """The lines as samples."""
        yield self.stream(), Samples(self._options, find_intervals(self.stream().items()))
