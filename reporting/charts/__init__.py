"""Charts as SVG: data in, drawings out, for pages and as files. Pure, without Datasette."""

from reporting.charts.bars import Bar, BarChart, BarData, draw_bars
from reporting.charts.chart import Chart, Key
from reporting.charts.histogram import draw_histogram
from reporting.charts.lines import LineChart, LineChartData, draw_lines
from reporting.charts.model import ChartSeries, Interval, Limit, Point
from reporting.charts.over_time import TimeMark
from reporting.charts.ring import ring
from reporting.charts.sparkline import draw_sparkline
from reporting.charts.stack import StackChart, StackData, draw_stack
from reporting.charts.timeline import StateSpan, Timeline, TimelineData, TimelineRow, draw_timeline

__all__ = [
    "Bar",
    "BarChart",
    "BarData",
    "Chart",
    "ChartSeries",
    "Interval",
    "Key",
    "Limit",
    "LineChart",
    "LineChartData",
    "Point",
    "StackChart",
    "StackData",
    "StateSpan",
    "TimeMark",
    "Timeline",
    "TimelineData",
    "TimelineRow",
    "draw_bars",
    "draw_histogram",
    "draw_lines",
    "draw_sparkline",
    "draw_stack",
    "draw_timeline",
    "ring",
]
