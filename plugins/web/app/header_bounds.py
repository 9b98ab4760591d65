"""Bounds on the header of a request, before h11 parses it on the event loop.

h11 and uvicorn bound a header that is not complete yet. One that arrives whole may have any length: 20,000
lines in one packet hold the loop for a second.
"""

import re

import h11

MAX_HEADER_BYTES = 32 * 1024  # browsers send 1 to 8 KB, cookies included
MAX_HEADER_LINES = 200
END = re.compile(rb"\r?\n\r?\n")


class BoundedConnection(h11.Connection):
    """The server's end of a connection that parses no header beyond the bounds."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, MAX_HEADER_BYTES)

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """As h11's. Raises RemoteProtocolError also for a header that is too long."""
        if self.their_state is h11.IDLE:
            received, _ = self.trailing_data
            end = END.search(received)
            size = end.start() if end else len(received)
            if size > MAX_HEADER_BYTES or received.count(b"\n", 0, size) > MAX_HEADER_LINES:
                raise h11.RemoteProtocolError("the header is too long", error_status_hint=431)
        return super().next_event()
