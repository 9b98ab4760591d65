"""A batch: the items of one commit, with an id that is committed with its rows."""

import os
from dataclasses import dataclass, field
from typing import Any

HandedIn = tuple[Any, Any, int]  # a sink, an item of the type that it takes, the units of work of that


def new_id() -> str:
    """Return an id that no other batch has."""
    return os.urandom(8).hex()


@dataclass(eq=False)
class Batch:
    """What was handed in, in its order.

    `after` is the batch that was committed before it; `is_spooled`: the spool holds it.
    """

    id: str = field(default_factory=new_id)
    after: str = ""
    items: list[HandedIn] = field(default_factory=list)
    is_spooled: bool = False

    @property
    def units(self) -> int:
        """How many units of work its items are."""
        return sum(units for _, _, units in self.items)
