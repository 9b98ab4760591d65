"""The demo gateway in a thread of its own, for programs and tests that have no event loop."""

import asyncio
import threading
from contextlib import contextmanager

from ingest.demo.radio.gateway import DemoGateway


@contextmanager
def running_gateway(**options):
    """`with running_gateway(boot=True) as gateway:` a DemoGateway with these options until the block ends.

    Raises what starting raises (OSError where the port is taken).
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="demo gateway", daemon=True)
    thread.start()

    def wait(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(10)

    try:
        gateway = DemoGateway(**options)
        wait(gateway.start())
        try:
            yield gateway
        finally:
            wait(gateway.stop())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
