"""Drawings for pages: per cent, so that text keeps its size at every width, and classes for colours. Pure.

The classes are those of `static/charts.css`.
"""

from collections.abc import Sequence

from markupsafe import escape

from reporting.charts.canvas import Box, Canvas, Place, encode_path, number_text


class FluidCanvas(Canvas):
    """For pages. `key` makes ids of the drawing its own."""

    def __init__(self, box: Box, key: str) -> None:
        super().__init__(box)
        self.key = key

    def text(self, at: Place, text: str, anchor: str = "start", kind: str = "", minor: bool = False) -> None:
        """As Canvas has it."""
        classes = " ".join(one for one in (kind, "t2" if minor else "") if one)
        self.parts.append(
            f'<text x="{_percent(at.across)}" y="{_percent(at.down)}"'
            + (f' dx="{number_text(at.dx)}"' if at.dx else "")
            + (f' dy="{number_text(at.dy)}"' if at.dy else "")
            + (f' text-anchor="{anchor}"' if anchor != "start" else "")
            + (f' class="{classes}"' if classes else "")
            + f">{escape(text)}</text>"
        )

    def across(self, down: float, kind: str) -> None:
        """As Canvas has it."""
        y = _percent(down)
        self.parts.append(f'<line class="{kind}" x2="100%" y1="{y}" y2="{y}"/>')

    def upright(self, across: float, kind: str) -> None:
        """As Canvas has it."""
        x = _percent(across)
        self.parts.append(f'<line class="{kind}" x1="{x}" x2="{x}" y2="100%"/>')

    def bar(self, left: float, top: float, width: float, height: float, kind: str, title: str = "") -> None:
        """As Canvas has it."""
        fill = f' fill="url(#hatch-{self.key})"' if kind == "silent" else ""
        end = f"><title>{escape(title)}</title></rect>" if title else "/>"
        self.parts.append(
            f'<rect class="{kind}"{fill} x="{_percent(left)}" y="{_percent(top)}" '
            f'width="{_percent(width)}" height="{_percent(height)}"{end}'
        )

    def dot(self, at: Place, kind: str) -> None:
        """As Canvas has it."""
        self.parts.append(
            f'<circle class="dot {kind}" cx="{_percent(at.across)}" cy="{_percent(at.down)}" r="4"/>'
        )

    def triangle(self, at: Place, up: bool, kind: str) -> None:
        """As Canvas has it."""
        points = "-5,7 5,7 0,0" if up else "-5,-7 5,-7 0,0"
        self.parts.append(
            f'<svg x="{_percent(at.across)}" y="{_percent(at.down)}" overflow="visible">'
            f'<polygon class="{kind}" points="{points}"/></svg>'
        )

    def begin_paths(self) -> None:
        """As Canvas has it."""
        left, top, width, height = map(number_text, self.box)
        self.parts.append(
            f'<svg class="paths" viewBox="{left} {top} {width} {height}" preserveAspectRatio="none" '
            'width="100%" height="100%">'
        )

    def end_paths(self) -> None:
        """As Canvas has it."""
        self.parts.append("</svg>")

    def path(self, pieces: Sequence[Sequence[tuple[int, int]]], kind: str, closed: bool = False) -> None:
        """As Canvas has it."""
        self.parts.append(f'<path class="{kind}" d="{encode_path(pieces, closed)}"/>')


def _percent(share: float) -> str:
    return f"{number_text(share * 100)}%" if share else "0"
