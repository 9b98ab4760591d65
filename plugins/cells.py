"""Datasette's own pages as people read them: cells, names of columns, the directory, choices."""

import sqlite3
from collections.abc import Callable, Coroutine
from functools import partial

from datasette import Request, hookimpl
from datasette.app import Datasette
from datasette.filters import FilterArguments
from jinja2 import Environment
from markupsafe import Markup

from plugins.web.endpoint import Json
from plugins.web.newest_rows import newest_rows
from plugins.web.pages.directory import DEFAULT_SQL, EXAMPLES, directory, first_sentence, split_sentence
from plugins.web.pages.native import column_heads, column_titles, row_subject, shown_columns, table_titles
from plugins.web.pages.table_columns import number_columns, table_columns
from plugins.web.prefix import rooted_cell
from plugins.web.render.cells import choices, render
from plugins.web.render.names import known_names, read_names
from plugins.web.row_pages import page_address, row_page
from plugins.web.site import site_of
from reporting.column_titles import column_title


@hookimpl
def prepare_jinja2_environment(env: Environment, datasette: Datasette) -> None:
    """`rows|in_turns` for pages with many cells, rendered in turns; column titles."""
    env.filters["in_turns"] = site_of(datasette).turns.iterate
    env.filters.update(first_sentence=first_sentence, split_sentence=split_sentence)
    env.globals.update(
        column_title=column_title,
        column_heads=column_heads,
        shown_columns=shown_columns,
        number_columns=number_columns,
        page_address=page_address,
        sql_examples=EXAMPLES,
        default_sql=DEFAULT_SQL,
    )


@hookimpl
def render_cell(
    row: sqlite3.Row, value: object, column: str, table: str | None, datasette: Datasette
) -> Markup | Callable[[], Coroutine[None, None, Markup | None]] | None:
    """What people read, or None to leave the cell as it is; now and then by a function, which waits."""
    site = site_of(datasette)
    names = known_names(site)

    async def waiting() -> Markup | None:
        found = await read_names(site)
        await site.turns.wait()
        return rooted_cell(site.root, render(found, site.timezone, row, value, column, table))

    if names is None or site.turns.is_over():
        return waiting
    return rooted_cell(site.root, render(names, site.timezone, row, value, column, table))


@hookimpl
def filters_from_request(request: Request, table: str, datasette: Datasette) -> FilterArguments | None:
    """A bound that spares the rows of a UPS or a channel which do not stand on the page."""
    return newest_rows(site_of(datasette), request, table)


@hookimpl
def extra_template_vars(datasette: Datasette) -> Json:
    """What Datasette's own pages show besides its own variables."""
    site = site_of(datasette)
    return {
        "choices": partial(choices, site),
        "column_titles": partial(column_titles, site),
        "directory": partial(directory, site),
        "row_subject": partial(row_subject, site),
        "row_page": row_page.get(),
        "table_titles": partial(table_titles, site),
        "table_columns": partial(table_columns, site),
    }
