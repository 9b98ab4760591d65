"""Charts as PNG, by resvg: from the SVG that the site has, with the one font that is shipped.

resvg leaves out a text for which it has no font, without a word; so the font comes along (its licence lies
beside it), and those of the machine are for letters that it lacks.
"""

import re
from importlib.util import find_spec
from pathlib import Path

from reporting.charts import Chart

FONT = Path(__file__).with_name("fonts") / "DejaVuSans.ttf"
FAMILY = "DejaVu Sans"
WIDTH = 560  # pixels of a chart: its letters can be read on a phone, where it has half of them
ZOOM = 2.0  # pixels of the picture for one of these
LEFT_OUT = "Pictures are left out: pip install 'voltkeeper[report]' on the machine of the site adds them."


NOT_XML = re.compile("[^\\t\\n\\r -\\ud7ff\\ue000-\\ufffd\U00010000-\U0010ffff]")


def can_draw() -> bool:
    """Whether the extra `report` is installed."""
    return find_spec("resvg_py") is not None


def draw_png(chart: Chart) -> bytes:
    """The picture of a chart. Raises ValueError for what resvg cannot read."""
    return png_of(str(chart.standalone_svg(WIDTH)))


def png_of(svg: str) -> bytes:
    """The picture of an SVG file. Raises ValueError."""
    from resvg_py import svg_to_bytes

    return bytes(
        svg_to_bytes(
            svg_string=NOT_XML.sub("", svg),
            zoom=ZOOM,
            font_files=[str(FONT)],
            font_family=FAMILY,
            sans_serif_family=FAMILY,
            serif_family=FAMILY,
            monospace_family=FAMILY,
        )
    )
