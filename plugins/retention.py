"""Daily work beside the site: the retention, the backup, deletions that people asked for."""

from datasette import hookimpl

from ingest.maintenance.scheduler import Keeper


@hookimpl
def asgi_wrapper(datasette):
    """startup() runs on a loop that Datasette throws away; the lifespan scope is on the server's own."""

    def wrap(app):
        if not hasattr(datasette, "rights"):
            return app
        keeper = datasette.keeper = Keeper(datasette.config)

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
