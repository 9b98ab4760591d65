"""Tables that grow without end are not counted on their pages: counting ten million rows takes a second."""

import re

from datasette import hookimpl

from plugins.web.app.no_count import GROWING

PATHS = re.compile(rf"/telemetry/({'|'.join(sorted(GROWING))})(\.\w+)?")


@hookimpl
def asgi_wrapper():
    def wrap(app):
        async def inner(scope, receive, send):
            if (
                scope["type"] == "http"
                and PATHS.fullmatch(scope["path"])
                and b"_nocount=" not in scope["query_string"]
            ):
                query = scope["query_string"]
                scope = dict(scope, query_string=query + (b"&" if query else b"") + b"_nocount=1")
            await app(scope, receive, send)

        return inner

    return wrap
