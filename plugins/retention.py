"""Daily work beside the site: the retention, the backup, deletions that people asked for."""

from datasette import hookimpl

from plugins.web.site import site_of


@hookimpl
def asgi_wrapper(datasette):
    """startup() runs on a loop that Datasette throws away; the lifespan scope is on the server's own."""

    def wrap(app):
        if not site_of(datasette).has_config:
            return app
        keeper = datasette.scheduler

        async def inner(scope, receive, send):
            if scope["type"] != "lifespan":
                return await app(scope, receive, send)

            async def watched():
                message = await receive()
                if message["type"] == "lifespan.startup":
                    keeper.start()
                elif message["type"] == "lifespan.shutdown":
                    await keeper.end()
                return message

            await app(scope, watched, send)

        return inner

    return wrap
