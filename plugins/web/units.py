"""Units of measurement as Datasette 0.65 knows them. Nothing here uses them; 1.0 has none.

Reading their definitions takes a fifth of the start of the site, a second on a small machine.
"""

from importlib import import_module


def read_units_when_asked() -> None:
    """Have Datasette read its units when it shows a column that has one, and not when it starts.

    To be called before `datasette.app` is imported, which reads them.
    """
    pint = import_module(
        "datasette.vendored.pint"
    )  # an import statement makes mypy lose the types of Datasette
    vars(pint)["UnitRegistry"] = pint.LazyRegistry
