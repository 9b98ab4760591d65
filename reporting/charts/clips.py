"""Where lines leave the frame of their chart, such as the mains in an outage. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from reporting.charts.model import Point
from reporting.charts.scale import ValueAxis
from reporting.charts.times import TimeAxis

MOST, APART = 40, 0.02  # marks of a chart; of the width: nearer ones are one


class Clip(NamedTuple):
    """Where lines leave the frame, and the value that is farthest from it."""

    across: float
    value: float
    above: bool


def find_clips(lines: Sequence[Sequence[Point]], values: ValueAxis, times: TimeAxis) -> list[Clip]:
    """One mark for each time that lines are beyond the frame; the same time of several lines is one."""
    found: list[Clip] = []
    for above in (False, True):
        runs = [run for points in lines for run in _runs_beyond(points, values, times, above)]
        clips: list[Clip] = []
        for clip in sorted(runs):
            if clips and clip.across - clips[-1].across < APART:
                clips[-1] = max(clips[-1], clip, key=_beyond)
            else:
                clips.append(clip)
        found += clips
    return sorted(found)[:MOST]


def _beyond(clip: Clip) -> float:
    return clip.value if clip.above else -clip.value


def _runs_beyond(points: Sequence[Point], values: ValueAxis, times: TimeAxis, above: bool) -> list[Clip]:
    if all(point.high <= values.high if above else point.low >= values.low for point in points):
        return []
    runs: list[Clip] = []
    inside = True
    for point in points:
        value = point.high if above else point.low
        across = times.share(point.at)
        was_inside = inside
        inside = value <= values.high if above else value >= values.low
        if inside or not 0 <= across <= 1:
            continue
        clip = Clip(across, value, above)
        if was_inside or not runs:
            runs.append(clip)
        else:
            runs[-1] = max(runs[-1], clip, key=_beyond)
    return runs
