"""A report as what it consists of. Its HTML and its text are both written from it, with the same figures."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from outbound.alerts.clean import clean_line
from reporting.charts import Chart

LONGEST = 2000  # letters of a paragraph


class ReportTile(NamedTuple):
    """A figure that stands above the sections, with what it was in the period before."""

    label: str
    value: str
    note: str = ""


class ReportRow(NamedTuple):
    """A row of a table; `notes` stand below its cells. A total is set off from the rows before it."""

    cells: tuple[str, ...]
    notes: tuple[str, ...] = ()
    is_total: bool = False


class ReportTable(NamedTuple):
    """A table: its first column names the rows, the others have figures. `more` rows were left out."""

    head: tuple[str, ...]
    rows: tuple[ReportRow, ...]
    caption: str = ""
    more: int = 0


@dataclass(frozen=True)
class ReportSection:
    """A part of a report with its heading; `charts` become pictures.

    `captions` stand in the text part alone, for the pictures that it has not.
    """

    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[ReportTable, ...] = ()
    charts: tuple[Chart, ...] = ()
    captions: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReportDocument:
    """A whole report. `link` is the address of the same figures on the site, '' where that is not known.

    `summary` says the most important in a sentence or two; `notes` stand at the end.
    """

    title: str
    about: str
    summary: str
    tiles: tuple[ReportTile, ...] = ()
    sections: tuple[ReportSection, ...] = ()
    notes: tuple[str, ...] = ()
    link: str = ""
    files: dict[str, str] = field(default_factory=dict)  # name -> CSV

    def __post_init__(self) -> None:
        """Give each chart a key of its own, by which its picture is named."""
        for number, chart in enumerate(self.charts, 1):
            chart.key = f"chart-{number}"

    def with_note(self, note: str) -> "ReportDocument":
        """The same with another note at its end."""
        return replace(self, notes=(*self.notes, note))

    @property
    def charts(self) -> list[Chart]:
        """All charts in their order."""
        return [chart for section in self.sections for chart in section.charts]


def clean(text: str) -> str:
    """A text of one line: without what would end it, hide in it or turn its direction."""
    return clean_line(text, LONGEST)
