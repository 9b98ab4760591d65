"""Links and states in the cells of views and queries, and the choices that the parameters of queries offer."""

from typing import Any

from datasette import hookimpl

from plugins.web.prefix import rooted_cell
from plugins.web.render.cells import choices, link
from plugins.web.site import site_of


@hookimpl
def render_cell(row: Any, value: Any, column: str, table: str | None, datasette: Any) -> Any:
    """A link or a state, or None to leave the cell as it is."""
    return rooted_cell(site_of(datasette).root, link(row, value, column, table))


@hookimpl
def extra_template_vars(datasette: Any) -> dict[str, Any]:
    """`choices(name, query)` for the forms of canned queries."""
    site = site_of(datasette)

    async def offered(name: str, query: str | None = None) -> Any:
        return await choices(site, name, query)

    return {"choices": offered}
