"""An outage from upsd to the last step: ingest and `voltkeeper plan` as processes, beside a real upsd."""

import json
import sqlite3
import sys
from contextlib import closing

from deploy.healthcheck import find_fault
from ingest.config.model import load_config
from ingest.schema.migrate import migrate
from outbound.plan.lock import carries_out_plans
from tests.ingest.nut.lab import PASSWORD, USER, Lab
from tests.programs import free_port, wait_until
from voltkeeper.check.plan import plan_findings
from voltkeeper.plans import plan_lines
from voltkeeper.up import _commands

DEVICE = "ups.status: {status}\nbattery.charge: {charge}\nbattery.runtime: 900\nups.load: 20\n"
CONFIG = """
database: house.db
timezone: UTC
web: {{port: {site_port}}}
nut:
  - {{name: lab, port: {port}, poll_s: 1, status_s: 0.5,
      command_username: {user}, command_password: '{word}'}}
ups: {{rack@lab: {{commands: [load.off]}}}}
plan:
  - name: rack
    ups: [rack@lab]
    settle_s: 1
    on_battery:
      - {{name: quick, after_s: 0, run: {quick}}}
      - {{name: slow, after_s: 0, run: {slow}, timeout_s: 1}}
      - {{name: cut, after_s: 0, command: {{ups: rack@lab, name: load.off, confirm: true}}}}
      - {{name: gone, charge: 50, run: [/nowhere/program]}}
      - {{name: safe, charge: 50, run: {slow}, cancel_on_return: true}}
      - {{name: late, after_s: 3000, run: {slow}}}
    power_back:
      - {{name: back, charge: 60, if_ran: [safe], run: {quick}}}
"""
QUICK = """
import os
print(os.environ["VOLTKEEPER_STEP"], os.environ.get("VOLTKEEPER_CHARGE"), "HOOK_KEY" in os.environ)
"""

# Neither it nor its child ends at SIGTERM.
SLOW = """
import signal, subprocess
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.run(["sleep", "600"])
"""


def read(path, sql):
    with closing(sqlite3.connect(path, timeout=15)) as connection:
        return connection.execute(sql).fetchall()


def test_an_outage_from_its_begin_to_the_last_step(tmp_path, write_config, voltkeeper):
    (tmp_path / "quick.py").write_text(QUICK)
    (tmp_path / "slow.py").write_text(SLOW)
    programs = {
        name: json.dumps([sys.executable, str(tmp_path / f"{name}.py")]) for name in ("quick", "slow")
    }
    database = tmp_path / "house.db"

    def states():
        return dict(read(database, "select step, state from plan_steps"))

    with Lab({"rack": DEVICE.format(status="OL", charge=100)}) as lab:
        lab.wait("rack")
        ports = {"port": lab.port, "site_port": free_port()}
        path = write_config(CONFIG.format(**ports, user=USER, word=PASSWORD, **programs))
        config = load_config(path)
        assert [*_commands(config)] == ["ingest", "web", "plan"]
        assert "does not run" in plan_lines(config)[0]
        migrate(database)
        plan = voltkeeper("plan", HOOK_KEY="k")
        ingest = voltkeeper("ingest")
        wait_until(lambda: read(database, "select 1 from ups_samples") and carries_out_plans(database))
        findings = [finding.message for _, finding in plan_findings(config) if not finding.ok]
        assert findings == [
            "there is no program /nowhere/program: write its path, such as /usr/local/bin/program"
        ]
        assert plan_lines(config) == ["plan     rack: on mains, nothing to do"]
        assert voltkeeper("plan").wait() == 1  # only one carries out the plans of a database
        lab.change("rack", ups_status="OB DISCHRG", battery_charge="90")
        wait_until(lambda: states().get("cut") not in (None, "waiting", "due", "running"), timeout=60)
        assert "on battery" in plan_lines(config)[0]
        lab.change("rack", battery_charge="48")
        wait_until(lambda: states()["safe"] == "running", timeout=60)
        lab.change("rack", ups_status="OL CHRG", battery_charge="55")
        wait_until(lambda: states()["safe"] == "cancelled", timeout=60)
        assert plan.family() == [plan.pid]  # its end is stored when it has ended, not before
        wait_until(lambda: states()["late"] == "skipped", timeout=60)
        assert states()["back"] == "waiting"
        lab.change("rack", battery_charge="61")
        wait_until(lambda: read(database, "select 1 from plan_runs where state = 'over'"), timeout=60)
        found = {
            step: (state, result)
            for step, state, result in read(database, "select step, state, result from plan_steps")
        }
        # Its status is asked more often than its charge, so that this is mostly not known yet.
        assert found["quick"] in [("done", f"exit code 0: quick {charge} False") for charge in (None, 90.0)]
        assert found["slow"] == ("timed out", "ended: it ran for more than 1 s")
        assert found["cut"][0] == "failed" and found["cut"][1].startswith("order 1 failed: ")  # dummy-ups
        assert found["gone"][0] == "failed" and "no such file" in found["gone"][1].lower()
        assert found["safe"] == ("cancelled", "ended, since mains came back")
        assert found["late"] == ("skipped", "mains were back before it was due")
        assert found["back"][0] == "done" and found["back"][1].startswith("exit code 0: back 6")
        failed = read(database, "select detail from all_events where event = 'PLAN_STEP_FAILED' order by id")
        assert [detail for (detail,) in failed] == [
            "slow: ended: it ran for more than 1 s",
            f"cut: {found['cut'][1]}",
            "gone: its program cannot be started: No such file or directory",
        ]
        began = read(database, "select step from plan_steps where began_at is not null order by began_at, id")
        assert [step for (step,) in began] == ["quick", "slow", "cut", "gone", "safe", "back"]
        assert read(database, "select created_by, state from ups_orders") == [("plan:rack", "failed")]
        assert plan.family() == [plan.pid]  # nothing of the programs is left
        assert "the site does not answer" in find_fault(config)
        assert plan.end() == 0
        assert ingest.end() == 0
