"""Datasette's units of measurement: read when a column has one, not at each start of the site."""

import subprocess
import sys

from tests.programs import ROOT, child_environment

CODE = """
import sys
from plugins.web.units import read_units_when_asked
read_units_when_asked()
import plugins.web.app.server
from datasette.views.base import ureg
library = "datasette.vendored.pint"
print(library in sys.modules, ureg("2 km").to("m").magnitude, library in sys.modules)
ureg.define("house = 3 m")
print(ureg("2 house").to("m").magnitude)
"""


def test_units_are_read_when_one_is_asked_for():
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, env=child_environment(), capture_output=True, text=True
    )
    assert done.stdout.split() == ["False", "2000.0", "True", "6"], done.stderr
