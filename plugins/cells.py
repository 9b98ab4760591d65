"""Links and states in the cells of views and queries, and the choices that the parameters of queries offer."""

from datasette import hookimpl

from plugins.web.prefix import rooted_cell
from plugins.web.render.cells import choices, link
from plugins.web.site import site_of


@hookimpl
def render_cell(row, value, column, table, datasette):
    return rooted_cell(site_of(datasette).root, link(row, value, column, table))


@hookimpl
def extra_template_vars(datasette):
    async def offered(name, query=None):
        return await choices(datasette, name, query)

    return {"choices": offered}
