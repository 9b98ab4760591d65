"""What a route of the site says of itself: a Call, which /api lists (`plugins.web.pages.api`)."""

import re
from typing import NamedTuple

GROUP = re.compile(r"\(\?P<(\w+)>(?:[^()\\]|\\.)*\)")
_calls = {}


class Call(NamedTuple):
    """One address and what it does. `right` is `read`, one of RIGHTS, or None for everybody.

    `fields` are name -> meaning; `example` and `at` (parts of the path) are values that are right on this site, where
    {node}, {ups} and so on (`plugins.web.pages.api.samples`) stand for what there is. A value that begins with @ is a file.
    """

    title: str
    words: str = ""
    method: str = "GET"
    right: str | None = "read"
    fields: dict = {}
    example: dict = {}
    at: dict = {}
    answer: str = "JSON"


UNTOLD, UNTOLD_POST = (
    Call("Not described yet", right=None),
    Call("Not described yet", method="POST", right=None),
)
BY_QUERY = Call("A canned query that writes; each is listed by itself", method="POST", right="edit")


def described(pattern, handler, *calls):
    """A route for `register_routes`, with what /api says of it: a Call for each method."""
    _calls[pattern] = calls
    return pattern, handler


def shown_path(pattern):
    """A pattern as people read it: `^/nodes/(?P<gateway>[^/]+)$` as /nodes/GATEWAY."""
    return GROUP.sub(lambda match: match[1].upper(), pattern.removeprefix("^").removesuffix("$")).replace(
        "\\", ""
    )


def told(pattern):
    """The Calls of a registered pattern; UNTOLD for one that does not say what it is."""
    return _calls.get(pattern) or (UNTOLD,)
