"""`voltkeeper replay`: a recorded outage as files of dummy-ups, or served as a NUT server would."""

import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from ingest.config.model import Config
from ingest.db.connection import connect
from ingest.db.problems import find_problem
from ingest.demo.ups.models import DemoUps
from ingest.demo.ups.upsd import DemoUpsd
from ingest.errors import VoltkeeperError
from ingest.playback.dummy_ups import format_dev, format_seq
from ingest.playback.frames import MARGIN_S, Play, bare_names, play
from ingest.playback.stored import Recording, RecordingError, read_recording
from ingest.schema.migrate import migrate
from reporting.formatting import format_length

HOST = "127.0.0.1"  # the password is in the README: only this machine may connect
USER = PASSWORD = "replay"
LOOK_S = 0.1


def run_write_files(config: Config, wanted: str, folder: Path) -> int:
    """Write a `.seq` and a `.dev` of each UPS to a folder, and print how NUT gets them.

    `wanted` is an outage or a day. Returns the exit code.
    """
    return _run(config, wanted, lambda recording, plays: _write_files(recording, plays, folder))


def run_serve(config: Config, wanted: str, port: int, speed: float) -> int:
    """Serve it on a port of this machine (0: any free one) until SIGTERM or Ctrl-C. Returns the exit code.

    `speed` is recorded seconds per second; the time on mains before it is not shortened.
    """
    return _run(config, wanted, lambda recording, plays: _serve(recording, plays, port, speed))


def _run(config: Config, wanted: str, work: Callable[[Recording, dict[str, Play]], None]) -> int:
    """Read and do it. Returns the exit code."""
    try:
        if not config.database.exists():
            raise RecordingError(f"{config.database}: no such file: nothing has been stored yet")
        migrate(config.database)
        with closing(connect(config.database, readonly=True)) as connection:
            recording = read_recording(connection, wanted, config.timezone)
        names = bare_names([ups.name for ups in recording.upses])
        work(recording, {names[ups.name]: play(ups, recording.span) for ups in recording.upses})
    except VoltkeeperError as error:
        return _fail(error)
    except sqlite3.Error as error:
        return _fail(f"The outage cannot be read: {find_problem(config.database, error)}")
    except OSError as error:
        return _fail(f"The replay failed: {error}")
    return 0


def _fail(message: object) -> int:
    print(message, file=sys.stderr)
    return 1


def _write_files(recording: Recording, plays: Mapping[str, Play], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, played in plays.items():
        title = f"{recording.title}, {played.name}, by voltkeeper replay"
        _replace(folder / f"{name}.seq", format_seq(played, title))
        _replace(folder / f"{name}.dev", format_dev(played, f"Before: {title}"))
    print(f"{recording.title}: {format_length(next(iter(plays.values())).length_s)}. For ups.conf of NUT:")
    for name in plays:
        print(
            f"\n[{name}]\n  driver = dummy-ups\n  port = {(folder / f'{name}.seq').resolve()}\n"
            f'  desc = "Replay of {plays[name].name}"\n  pollinterval = 1'
        )


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all: a driver may be reading the one of before. Raises OSError."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError:
        with suppress(OSError):  # the first error is the one to report
            partial.unlink(missing_ok=True)
        raise


class ReplayClock:
    """Where a play is: its lead on mains takes its own time, all that follows goes `speed` times as fast."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._began = time.monotonic()

    def position(self) -> float:
        """Seconds of the play since its beginning."""
        elapsed = time.monotonic() - self._began
        return elapsed if elapsed < MARGIN_S else MARGIN_S + (elapsed - MARGIN_S) * self.speed

    def real_s(self, seconds: float) -> float:
        """How long a play of so many seconds takes, in seconds."""
        return MARGIN_S + (seconds - MARGIN_S) / self.speed


def _serve(recording: Recording, plays: Mapping[str, Play], port: int, speed: float) -> None:
    clock = ReplayClock(speed)
    upses = {name: _served(played) for name, played in plays.items()}
    try:
        upsd = DemoUpsd(upses, HOST, port, {USER: PASSWORD}, clock=clock.position, title=recording.title)
    except (OSError, OverflowError) as error:
        raise RecordingError(
            f"Port {port} of {HOST} cannot be served: {error}. Choose another one, or 0 for any free one."
        ) from error
    with upsd:
        stop = _stopping()
        whole = max(plays.values(), key=lambda played: played.seconds)
        print(
            f"{recording.title}: {', '.join(plays)} on {HOST}:{upsd.port}, on mains for {MARGIN_S:.0f} s, "
            f"then {format_length(clock.real_s(whole.seconds) - MARGIN_S)} at speed {speed:g}. "
            f"upsmon: MONITOR {next(iter(plays))}@{HOST}:{upsd.port} 1 {USER} {PASSWORD} secondary",
            flush=True,
        )
        _follow(plays, clock, stop, whole.seconds)


def _served(played: Play) -> DemoUps:
    return DemoUps(
        played.label,
        lambda at: played.frame_at(at).variables,
        is_stale=lambda at: played.frame_at(at).is_stale,
    )


def _follow(plays: Mapping[str, Play], clock: ReplayClock, stop: threading.Event, seconds: float) -> None:
    """Print each new status until `stop`, and when the play is over: its last state stays."""
    shown: dict[str, str] = {}
    is_over = False
    while not stop.wait(LOOK_S):
        at = clock.position()
        for name, played in plays.items():
            frame = played.frame_at(at)
            status = "no data" if frame.is_stale else frame.variables["ups.status"]
            if shown.get(name) != status:
                shown[name] = status
                print(f"{datetime.now():%H:%M:%S} {name}: {status}", flush=True)
        if at >= seconds and not is_over:
            is_over = True
            print("It is over: the UPSes stay on mains until Ctrl-C.", flush=True)


def _stopping() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
