"""The SVG of charts, as templates of their own: markup that pages, mails and exports share."""

from jinja2 import Environment, Template
from markupsafe import Markup

# The colours of the light theme of static/voltkeeper.css, for charts outside of the site's pages.
STYLE = """
svg { font-family: sans-serif; background: #ffffff } text { font-size: 12px; fill: #5c5c57 }
line { vector-effect: non-scaling-stroke } .cursor { display: none }
.paper { fill: #ffffff } .grid { stroke: #d9d9d4 } .outage { fill: #a3221b; opacity: 0.18 }
line.limit { stroke: #8a5300; stroke-dasharray: 5 4 } text.limit { fill: #8a5300 }
polyline { fill: none; stroke-width: 1.6; vector-effect: non-scaling-stroke } .band { opacity: 0.2 }
polyline.s1 { stroke: #0072b2 } polyline.s2 { stroke: #b35900 } polyline.s3 { stroke: #007a59 }
polyline.s4 { stroke: #8e4585 } polyline.s5 { stroke: #b3372b } polyline.s6 { stroke: #4d4d4d }
.band.s1, rect.s1 { fill: #0072b2 } .band.s2, rect.s2 { fill: #b35900 } .band.s3, rect.s3 { fill: #007a59 }
.band.s4, rect.s4 { fill: #8e4585 } .band.s5, rect.s5 { fill: #b3372b } .band.s6, rect.s6 { fill: #4d4d4d }
"""

_environment = Environment(autoescape=True)
_HEAD = """<svg class="chart" role="img" aria-label="{{ c.caption }}"
{%- if standalone %} xmlns="http://www.w3.org/2000/svg" width="1000" height="{{ height }}"{% endif %}>
{%- if standalone %}<style>{{ style }}</style>{% endif %}"""
_LINES = _environment.from_string(
    _HEAD
    + """
    <svg class="plot{% if c.series|length > 2 %} many{% endif %}" x="0" y="8" width="100%" height="160"
      viewBox="0 0 1000 100" preserveAspectRatio="none">
      <rect class="paper" x="0" y="0" width="1000" height="100"/>
      {% for s in c.shaded %}<rect class="outage" x="{{ s.x }}" y="0" width="{{ s.width }}" height="100"/>
      {%- endfor %}
      {% for t in c.ys %}<line class="grid" x1="0" y1="{{ t.y }}" x2="1000" y2="{{ t.y }}"/>{% endfor %}
      {% for l in c.limits %}<line class="limit" x1="0" y1="{{ l.y }}" x2="1000" y2="{{ l.y }}"/>{% endfor %}
      {% for line in c.series %}{% for band in line.bands -%}
      <polygon class="band s{{ line.number }}" points="{{ band }}"/>
      {%- endfor %}{% endfor %}
      {% for line in c.series %}{% for points in line.lines -%}
      <polyline class="s{{ line.number }}" points="{{ points }}"/>
      {%- endfor %}{% endfor %}
      <line class="cursor" data-keep="" x1="0" y1="0" x2="0" y2="100" visibility="hidden"/>
    </svg>
    {% for t in c.ys %}<text class="tick" x="4" y="{{ t.down - 3 }}">{{ t.text }}</text>{% endfor %}
    {% for l in c.limits -%}
    <text class="tick limit" x="99.5%" y="{{ l.down - 3 }}" text-anchor="end">{{ l.text }}</text>
    {%- endfor %}
    {% for t in c.xs %}{% set anchor = "start" if t.across < 5 else "end" if t.across > 94 else "middle" -%}
    <text class="tick" x="{{ t.across }}%" y="186" text-anchor="{{ anchor }}">{{ t.text }}</text>
    {%- endfor %}
  </svg>"""
)
_BARS = _environment.from_string(
    _HEAD
    + """
    <svg x="0" y="8" width="100%" height="120" viewBox="0 0 1000 100" preserveAspectRatio="none">
      <rect class="paper" x="0" y="0" width="1000" height="100"/>
      {% for bar in c.bars -%}
      <rect class="s{{ c.number }}" x="{{ bar.x }}" y="{{ bar.y }}" width="{{ bar.width }}"
        height="{{ bar.height }}"><title>{{ bar.text }}</title></rect>
      {%- endfor %}</svg>
    {% for t in c.xs %}{% set anchor = "start" if t.across < 2 else "end" if t.across > 98 else "middle" -%}
    <text class="tick" x="{{ t.across }}%" y="146" text-anchor="{{ anchor }}">{{ t.text }}</text>
    {%- endfor %}
  </svg>"""
)


def render_lines(chart: object, standalone: bool) -> Markup:
    """The SVG of a LineChart."""
    return _render(_LINES, chart, standalone, 194)


def render_bars(chart: object, standalone: bool) -> Markup:
    """The SVG of a BarChart."""
    return _render(_BARS, chart, standalone, 154)


def _render(template: Template, chart: object, standalone: bool, height: int) -> Markup:
    style = Markup(STYLE)
    return Markup(template.render(c=chart, standalone=standalone, height=height, style=style))
