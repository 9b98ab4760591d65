"""Links and states in the cells of views and queries; choices for the parameters of queries."""

from typing import Any, TypeAlias

from datasette import hookimpl
from datasette.app import Datasette

from plugins.web.endpoint import Json
from plugins.web.prefix import rooted_cell
from plugins.web.query import Row
from plugins.web.render.cells import choices, link
from plugins.web.site import site_of

Cell: TypeAlias = Any  # Any: a value of any type, or Markup


@hookimpl
def render_cell(row: Row, value: Cell, column: str, table: str | None, datasette: Datasette) -> Cell:
    """A link or a state, or None to leave the cell as it is."""
    return rooted_cell(site_of(datasette).root, link(row, value, column, table))


@hookimpl
def extra_template_vars(datasette: Datasette) -> Json:
    """`choices(name, query)` for the forms of canned queries."""
    site = site_of(datasette)

    async def offered(name: str, query: str | None = None) -> list[tuple[Cell, str]] | None:
        return await choices(site, name, query)

    return {"choices": offered}
