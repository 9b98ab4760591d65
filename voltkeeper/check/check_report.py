"""What `check` writes: a line for each thing that was checked."""

from collections.abc import Callable

from voltkeeper.check.sources import Finding


class CheckReport:
    """Writes a line for each thing that was checked; `failed` counts what is wrong."""

    def __init__(self, write: Callable[[str], object], port_named: bool = False) -> None:
        self._write = write
        self.failed = 0
        self.port_named = port_named  # the port of the site, on the command line

    def ok(self, what: str, message: str) -> None:
        """Write that it is right."""
        self._write(f"ok      {what}: {message}")

    def note(self, what: str, message: str) -> None:
        """Write what is no failure, and worth knowing."""
        self._write(f"note    {what}: {message}")

    def fail(self, what: str, message: str) -> None:
        """Write what is wrong, with its remedy."""
        self.failed += 1
        self._write(f"FAILED  {what}: {message}")

    def add(self, what: str, finding: Finding) -> None:
        """Write a finding as what it is."""
        (self.ok if finding.ok else self.fail)(what, finding.message)
