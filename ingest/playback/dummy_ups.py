"""Device files of NUT's driver dummy-ups: `.dev`, a state, and `.seq`, a course that it repeats. Pure.

The driver looks at the clock once in its `pollinterval`, 2 s unless ups.conf has another one, and counts from
then: waits that are no multiples of it would each come out longer, so all of them are even.
"""

import math
import re
from unicodedata import normalize

from ingest.nut.protocol import quote
from ingest.playback.frames import Play, PlayedFrame

STEP_S = 2
MAX_VALUE = 256  # characters of a value in NUT
_PLAIN = re.compile(r"[A-Za-z0-9!.,:;/()%+_-]+(?: [A-Za-z0-9!.,:;/()%+_-]+)*")
_VARIABLE = re.compile(r"[A-Za-z0-9._-]+")


def format_dev(played: Play, title: str) -> str:
    """Return a `.dev` file: the UPS on mains, as it was before."""
    first = played.frames[0].variables
    return "\n".join([f"# {_comment(title)}", *_lines(first)]) + "\n"


def format_seq(played: Play, title: str) -> str:
    """Return a `.seq` file: the whole course, every variable at its beginning.

    Lengths of the first outage and of its parts are right within 1 s. What dummy-ups cannot show is left out:
    while the UPS gave no data it keeps its last values.
    """
    frames = _on_grid(played)
    first = frames[0][1]
    later = {name for _, variables in frames for name in variables} - first.keys()
    shown = first | dict.fromkeys(later, "")
    lines = [f"# {_comment(title)}", *_lines(shown)]
    for number, (at, variables) in enumerate(frames):
        if number:
            now = {**dict.fromkeys(shown, ""), **variables}
            lines += _lines({name: value for name, value in now.items() if shown[name] != value})
            shown = now
        end = frames[number + 1][0] if number + 1 < len(frames) else _grid(played.seconds, 0.0)
        lines.append(f"TIMER {max(end - at, STEP_S)}")
    return "\n".join(lines) + "\n"


def _on_grid(played: Play) -> list[tuple[int, dict[str, str]]]:
    """The frames at even seconds. Of those that fall together the last one stays, but every status does."""
    found: list[tuple[int, dict[str, str]]] = []
    for frame in _without_gaps(played):
        at, status = _grid(frame.at, played.anchor_s), frame.variables["ups.status"]
        if found and at <= found[-1][0]:
            at = found[-1][0]
            statuses = [variables["ups.status"] for _, variables in found[-2:]]
            if status == statuses[-1] or (len(statuses) == 2 and statuses[0] == statuses[1]):
                found.pop()  # it differs by its figures alone
            else:
                at += STEP_S
        if not found or found[-1][1] != frame.variables:
            found.append((at, frame.variables))
    return found


def _without_gaps(played: Play) -> list[PlayedFrame]:
    first, *others = played.frames
    return [first, *(frame for frame in others if not frame.is_stale)]


def _grid(seconds: float, anchor_s: float) -> int:
    """An even second: the anchor's nearest one and, from then on, even seconds since the anchor."""
    return max(0, _even(anchor_s) + _even(seconds - anchor_s))


def _even(seconds: float) -> int:
    """The nearest even second; an odd one gives the later one, so that equal lengths stay equal."""
    return math.floor(seconds / STEP_S + 0.5) * STEP_S


def _lines(variables: dict[str, str]) -> list[str]:
    """Lines of a device file, the status first."""
    names = sorted(variables, key=lambda name: (name != "ups.status", name))
    return [f"{name}: {_value(variables[name])}" for name in names if _VARIABLE.fullmatch(name)]


def _value(text: str) -> str:
    """A value as NUT's parser of files takes it: in ASCII, and quoted where it is not plain."""
    clean = normalize("NFKD", _comment(text)).encode("ascii", "ignore").decode()[:MAX_VALUE]
    return clean if _PLAIN.fullmatch(clean) else quote(clean)


def _comment(text: str) -> str:
    """A text on one line."""
    return "".join(character if character.isprintable() else " " for character in text)
