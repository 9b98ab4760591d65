"""Links and states in the cells of views and queries; choices for the parameters of queries."""

import sqlite3
from functools import partial

from datasette import hookimpl
from datasette.app import Datasette
from markupsafe import Markup

from plugins.web.endpoint import Json
from plugins.web.prefix import rooted_cell
from plugins.web.render.cells import choices, link
from plugins.web.site import site_of


@hookimpl
def render_cell(
    row: sqlite3.Row, value: object, column: str, table: str | None, datasette: Datasette
) -> Markup | None:
    """A link or a state, or None to leave the cell as it is."""
    return rooted_cell(site_of(datasette).root, link(row, value, column, table))


@hookimpl
def extra_template_vars(datasette: Datasette) -> Json:
    """`choices(name, query)` for the forms of canned queries."""
    return {"choices": partial(choices, site_of(datasette))}
