"""A report that was made, and the report of the config that it is of."""

from typing import NamedTuple

from ingest.config.model import Config
from ingest.config.periodic import ReportSettings
from ingest.errors import VoltkeeperError
from ingest.nearest import nearest


class ReportError(VoltkeeperError, ValueError):
    """Why a report cannot be made or sent, and what to do."""


class MadeReport(NamedTuple):
    """A report that was made and kept; `file` is '' where there was nothing to send.

    `title` and `text` are those of its message to targets that take no mail.
    """

    name: str
    period: str
    file: str
    title: str
    text: str


def find_report(config: Config, name: str) -> ReportSettings:
    """The report of this name. Raises ReportError."""
    names = [report.name for report in config.reports]
    found = next((report for report in config.reports if report.name == name), None)
    if found is None:
        hint = nearest(name, names) if names else "config.yml has no reports:"
        raise ReportError(f"There is no report {name!r}: {hint}")
    return found
