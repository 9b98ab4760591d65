"""What logs of UPSes have in common: one line one sample, the interval learned from the lines themselves."""

from ingest.transfer.samples import Samples, find_intervals
from ingest.transfer.streams import TextStream


class LogSource:
    """A text file of samples. Subclasses give `kind` and `parser()`, a function that turns lines into items, made anew."""

    kind = ""
    head = 0  # lines before the first one that counts

    def __init__(self, path, options):
        self._path, self._options = path, options
        self.target = options.ups or ""

    def streams(self):
        looked = TextStream(self._path, "lines", self.parser, self.head)
        intervals = find_intervals(looked.items())
        stream = TextStream(self._path, "lines", self.parser, self.head)
        yield stream, Samples(self._options, intervals)

    def states(self):
        return ()

    def close(self):
        """A text file is open only while it is read."""
