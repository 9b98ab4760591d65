"""HELP of metrics from the descriptions of columns in metadata.yml."""

from plugins.web.compat import described_tables
from plugins.web.site import Site


class Descriptions:
    """What metadata.yml says of columns. A plain Datasette may have none: then the column's name stands."""

    def __init__(self, site: Site) -> None:
        self._tables = described_tables(site)

    def of(self, column: str, note: str = "") -> str:
        """The description of TABLE.COLUMN, and a note on how the metric differs, such as its unit."""
        table, _, name = column.partition(".")
        text = (self._tables.get(table) or {}).get("columns", {}).get(name) or name.replace("_", " ")
        return ". ".join(part.rstrip(".") for part in (text, note) if part) + "."
