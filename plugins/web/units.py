"""Units of measurement as Datasette 0.65 knows them. Nothing here uses them; 1.0 has none.

Loading the library and reading its definitions takes a third of the start of the site, which is some seconds
on a small machine, and several MB.
"""

import sys
from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from types import ModuleType

LIBRARY = "datasette.vendored.pint"


class UnitsWhenAsked:
    """In place of pint's registry of units: the real one is made when it is asked for anything."""

    @cached_property
    def _registry(self) -> Callable[[str], object]:
        # An import statement makes mypy lose the types of Datasette.
        registry: Callable[[str], object] = import_module(LIBRARY).UnitRegistry()
        return registry

    def __call__(self, text: str) -> object:
        """A quantity or unit, such as "2 km". Raises what pint raises for a unit that it does not know."""
        return self._registry(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._registry, name)


def read_units_when_asked() -> None:
    """Have Datasette read its units when it shows a column that has one, and not when it starts.

    To be called before `datasette.app` is imported, which reads them.
    """
    stand_in = ModuleType(LIBRARY)
    vars(stand_in)["UnitRegistry"] = UnitsWhenAsked
    sys.modules[LIBRARY] = stand_in
    try:
        import_module("datasette.views.base")
    finally:
        del sys.modules[LIBRARY]
