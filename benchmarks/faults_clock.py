"""Faults of the wall clock: years ahead at the start or while it runs, steps, an outage over steps."""

import os
import random
import subprocess
import tempfile
import time
from contextlib import closing, contextmanager
from datetime import datetime

from clock_shim import ClockShim
from common import ROOT
from fault_tools import bench, expect, wait_for
from faults_wires import _list, _upsd, ask

YEAR_S = 365 * 86_400.0
TABLES = ("messages", "readings", "events", "polls", "ups_samples")
OPEN_OUTAGE = "select 1 from events where event = 'ONBATT' and ended_at is null"
LATE_S = 3.0  # a line may be stamped so long after it was sent


@contextmanager
def clock_bench(**options):
    """(Bench, ClockShim): a site whose programs have the clock of the shim."""
    with tempfile.TemporaryDirectory(prefix="voltkeeper-clock-") as folder:
        shim = ClockShim(folder)
        with bench(environment=shim.environment, **options) as one:
            yield one, shim


def counts(one):
    return {table: ask(one, f"select count(*) from {table}")[0][0] for table in TABLES}


def command(one, *arguments):
    """A command with the clock of the shim: (exit code, output)."""
    environment = {**os.environ, **one.environment}
    done = subprocess.run(
        one.command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=120, env=environment
    )
    return done.returncode, done.stdout + done.stderr


def prune(one):
    """`voltkeeper prune`, as its timer starts it: (exit code, output)."""
    return command(one, "prune")


def suspect(one):
    """Why the clock is suspect, as the file has it."""
    found = ask(one, "select suspect from clock_state")
    return found[0][0] if found else ""


def years_ahead_at_the_start(options):
    """The machine starts with its clock in 2030: the timer's prune and the site delete nothing."""
    with clock_bench() as (one, shim):
        one.start_connected()
        one.wait_stored(500)
        one.stop()
        before = counts(one)
        shim.boot("second")
        shim.set_to(4 * YEAR_S)
        code, text = prune(one)
        expect(code == 1 and "--clock-is-right" in text, f"prune ended with {code}: {text}")
        site = one.start("web", "--port", "0")
        time.sleep(8)
        expect(site.poll() is None, one.log)
        one.stop()
        expect(suspect(one), "the clock is not called suspect")
        after = counts(one)
        expect(all(after[table] >= before[table] for table in TABLES), f"{before} became {after}")
        shim.set_to(0.0)
        code, text = prune(one)
        expect(code == 0, f"with the right clock prune ended with {code}: {text}")
        expect(counts(one)["messages"] == before["messages"], counts(one))
    return f"{before['messages']:,} of {before['messages']:,} messages are there"


def years_ahead_while_it_runs(options):
    """The clock leaps to 2030 for a while: nothing is deleted, rows of then are shifted by the repair."""
    with clock_bench() as (one, shim):
        one.start_connected()
        one.wait_stored(300)
        shim.set_to(4 * YEAR_S)
        wait_for(lambda: suspect(one), 5)
        before = counts(one)
        code, text = prune(one)
        expect(code == 1, f"prune ended with {code}: {text}")
        time.sleep(3)
        shim.set_to(0.0)
        wait_for(lambda: not suspect(one), 5)
        code, text = prune(one)
        expect(code == 0, f"prune ended with {code}: {text}")
        expect(counts(one)["messages"] >= before["messages"], f"{before} became {counts(one)}")
        counted = one.settle()
        expect(counted.complete, counted)
        line = repair(one)
        wrong = wrong_times(one)
        expect(wrong == 0, f"{wrong} rows still bear a wrong time after: {line}")
    return f"{counted}; {line}"


def repair(one):
    """`voltkeeper repair clock --apply --clock-is-right` with the clock of the shim; its last line."""
    code, text = command(one, "repair", "clock", "--apply", "--clock-is-right")
    expect(code == 0, text)
    return text.strip().splitlines()[-1]


def wrong_times(one, slack_s=LATE_S):
    """How many messages are more than `slack_s` out of order with those around them."""
    found = ask(one, "select received_at from messages order by id")
    rows = [datetime.fromisoformat(at).timestamp() for (at,) in found]
    latest, wrong = rows[0], 0
    for at in rows:
        if abs(at - latest) > slack_s:
            wrong += 1
        else:
            latest = at
    return wrong


def a_day_of_steps(options):
    """Steps of seconds to years, one a second and more, for `--clock-seconds`; the timer prunes meanwhile."""
    rnd = random.Random(11)
    with clock_bench() as (one, shim):
        one.start_connected()
        one.wait_stored(100)
        until, steps, least = time.monotonic() + options.clock_seconds, 0, 0
        while time.monotonic() < until:
            if rnd.random() < 0.3:
                shim.set_to(0.0)
            else:
                size = rnd.choice((7, 60, 1800, 3 * 3600, 86_400, 40 * 86_400, 4 * YEAR_S, 50 * YEAR_S))
                shim.step(rnd.choice((-1, 1)) * size)
                shim.set_to(max(-50 * YEAR_S, min(50 * YEAR_S, shim.offset)))
            steps += 1
            time.sleep(rnd.uniform(0.7, 1.5))
            if steps % 5 == 0:
                prune(one)
                held = counts(one)["messages"]
                expect(held >= least, f"{least - held} messages are gone after {steps} steps")
                least = held
        shim.set_to(0.0)
        wait_for(lambda: not suspect(one), 10)
        counted = one.settle()
        expect(counted.complete, counted)
        found = ask(one, "select count(*) from events where event = 'CLOCK_STEP'")[0][0]
        line = repair(one)
        wrong = wrong_times(one)
        expect(wrong == 0, f"{wrong} of {counted.stored} messages bear a wrong time after: {line}")
    return f"{steps} steps, {found} seen; {counted}; {line}"


def an_outage_over_steps(options):
    """An outage of 12 s during which the clock is set 3 h forward, and in a second one, back and forth."""
    status = ["OL"]
    answers = {
        "VER": lambda: [b"Network UPS Tools upsd 2.8.0 - clock\n"],
        "LIST UPS": _list("UPS", lambda: [b'UPS rack "Rack"\n']),
        "LIST VAR rack": _list("VAR rack", lambda: [f'VAR rack ups.status "{status[0]}"\n'.encode()]),
        "GET VAR rack ups.status": lambda: [f'VAR rack ups.status "{status[0]}"\n'.encode()],
    }
    nut = "nut: [{{name: closet, port: {port}, poll_s: 1, status_s: 1}}]\n"
    with closing(_upsd(answers)) as wire, clock_bench(extra=nut.format(port=wire.port)) as (one, shim):
        one.start_connected()
        wait_for(lambda: ask(one, "select 1 from ups_samples"), 30)
        lengths = []
        for leaps, restarts in (((3 * 3600.0,), False), ((-7200.0, 4 * YEAR_S, 7200.0 - 4 * YEAR_S), True)):
            status[0] = "OB"
            began = time.monotonic()
            time.sleep(4)
            for leap in leaps:
                shim.step(leap)
                time.sleep(2)
            if restarts:
                one.stop()
                shim.step(600)
                one.start_connected()
            time.sleep(max(0.0, began + 12 - time.monotonic()))
            status[0] = "OL"
            real = time.monotonic() - began
            wait_for(lambda: not ask(one, OPEN_OUTAGE), 20)
            seconds, detail = ask(one, "select seconds, detail from outages order by id desc limit 1")[0]
            lengths.append((round(seconds, 1), round(real, 1)))
            expect(abs(seconds - real) < 4, f"an outage of {real:.1f} s is stored as {seconds} s")
            if not restarts:
                expect("clock corrected" in detail, f"the detail is {detail!r}")
        one.stop()
    return ", ".join(f"{stored} s stored of {real} s" for stored, real in lengths)


FAULTS = (
    years_ahead_at_the_start,
    years_ahead_while_it_runs,
    an_outage_over_steps,
    a_day_of_steps,
)
