"""`voltkeeper plan` as a real process, killed with SIGKILL at each point of a step of every kind."""

import json
import os
import signal
import socket
import sys
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ingest.db.connection import connect
from ingest.db.moment import Moment
from tests.outbound.plan.plan_house import PlanHouse
from tests.programs import wait_until

SCRIPT = """
import os, sys, time
folder, name = sys.argv[1:]
print("began", name, os.environ["VOLTKEEPER_PLAN"], file=open(f"{folder}/{name}.txt", "a"))
while not os.path.exists(f"{folder}/{name}.go"):
    time.sleep(0.02)
print("the end of", name)
"""
SENSOR = """insert into nodes (id, gateway, node_id, name) values (4, 0, 4, 'Pump');
insert into sensors (id, node, child_id, type, type_name, name) values (1025, 4, 1, 3, 'S_BINARY', 'Pump');"""


class RealMachine:
    """The clocks of this machine."""

    def now(self):
        return Moment.now()


class Hook(BaseHTTPRequestHandler):
    """Takes a webhook, and answers when `server.go` is set."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((self.path, self.headers["x-key"], json.loads(body)))
        self.server.go.wait(30)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture
def hook():
    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        server.daemon_threads, server.block_on_close = True, False
        server.got, server.go = [], threading.Event()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.go.set()
        server.shutdown()


@pytest.fixture
def udp():
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(30)
        yield receiver


class PlanProcess:
    """The process with one plan for each kind of step; each has a second step, a program."""

    def __init__(self, folder, voltkeeper, write_config, hook, udp, after_s=0):
        self.folder, self._voltkeeper, self.hook = folder, voltkeeper, hook
        self.house = PlanHouse(folder / "house.db", ("rack",), RealMachine())
        self.house.connection.execute(
            "insert into gateways (id, name, address, configured) values (0, 'main', 'x', 1)"
        )
        self.house.connection.executescript(SENSOR)
        (folder / "step.py").write_text(SCRIPT)
        url = f"http://127.0.0.1:{hook.server_address[1]}/secret-path"
        steps = {
            "program": f"run: {self.program('program')}",
            "again": f"run: {self.program('again')}, repeat: true",
            "hook": f"webhook: {{url: '{url}', headers: {{x-key: {{$env: HOOK_KEY}}}}}}",
            "node": "node: {node: main/4/1, type: V_STATUS, value: '1'}",
            "order": "command: {ups: rack@closet, name: beeper.mute}",
            "wake": f"wake: {{mac: '02:00:00:00:00:01', broadcast: 127.0.0.1, port: {udp.getsockname()[1]}}}",
        }
        plans = [
            f"  - name: {name}\n    ups: [rack@closet]\n    on_battery:\n"
            f"      - {{name: {name}, after_s: {after_s}, {step}}}\n"
            f"      - {{name: then, after_s: {after_s}, run: {self.program('then')}}}\n"
            for name, step in steps.items()
        ]
        write_config(
            "database: house.db\ntimezone: UTC\ngateways: [{name: main, tcp: '127.0.0.1:1'}]\n"
            "nut: [{name: closet, ups: [rack]}]\nups: {rack@closet: {commands: [beeper.mute]}}\n"
            "plan:\n" + "".join(plans)
        )
        (folder / "then.go").touch()

    def program(self, name):
        return json.dumps([sys.executable, str(self.folder / "step.py"), str(self.folder), name])

    def start(self):
        self.process = self._voltkeeper("plan", HOOK_KEY="k-1234567")
        self.process.wait_text("Outage plans:")

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def began(self, name):
        file = self.folder / f"{name}.txt"
        return file.read_text().splitlines() if file.exists() else []

    def states(self, *names):
        rows = dict(
            self.house.rows(
                """select r.plan || '/' || s.step, group_concat(s.state) from plan_steps s
                join plan_runs r on r.id = s.run group by 1"""
            )
        )
        return {name: rows.get(f"{name}/{name}") for name in names} if names else rows

    def orders(self):
        return [
            self.house.rows("select count(*) from outbox where created_by = 'plan:node'")[0][0],
            self.house.rows("select count(*) from ups_orders where created_by = 'plan:order'")[0][0],
        ]

    def carry_out_orders(self):
        """As ingest does."""
        now = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
        self.house.connection.execute(f"update outbox set state = 'echoed', done_at = {now}")
        self.house.connection.execute(f"update ups_orders set state = 'done', done_at = {now}")


@pytest.fixture
def plans(tmp_path, voltkeeper, write_config, hook, udp):
    def make(after_s=0):
        return PlanProcess(tmp_path, voltkeeper, write_config, hook, udp, after_s)

    return make


def test_killed_before_a_step_begins_it_begins_once_afterwards(plans, hook, udp, tmp_path):
    house = plans(after_s=2)
    house.start()
    house.house.fail()
    wait_until(lambda: house.house.rows("select count(*) from plan_runs") == [(6,)])
    with closing(connect(tmp_path / "house.db")) as other:
        other.execute("begin immediate")  # another program holds the database: nothing can be recorded
        house.process.wait_text("stands still.*is locked by")
        time.sleep(2.5)  # by now all are due
        house.kill()
        assert [house.began("program"), hook.got, house.orders()] == [[], [], [0, 0]]
        other.rollback()
    hook.go.set()
    for name in ("program", "again"):
        (tmp_path / f"{name}.go").touch()
    house.start()
    wait_until(lambda: house.orders() == [1, 1])
    house.carry_out_orders()
    wait_until(lambda: set(house.states().values()) == {"done"}, timeout=60)
    assert (house.began("program"), house.began("again")) == (
        ["began program program"],
        ["began again again"],
    )
    assert [(path, key, body["step"], body["plan"]) for path, key, body in hook.got] == [
        ("/secret-path", "k-1234567", "hook", "hook")
    ]
    assert udp.recv(200) == b"\xff" * 6 + bytes.fromhex("020000000001") * 16
    assert sorted(house.began("then")) == sorted(
        f"began then {name}" for name in ("program", "again", "hook", "node", "order", "wake")
    )
    assert house.house.rows("select actor, action, outcome from audit order by actor") == [
        ("plan:node", "set value", "done"),
        ("plan:order", "ups_order", "done"),
    ]
    everything = "\n".join(house.house.connection.iterdump()) + house.process.text
    assert "k-1234567" not in everything and "secret-path" not in everything
    assert house.process.end() == 0


def test_killed_while_a_step_runs_it_is_not_repeated_and_the_next_one_follows(plans, hook, udp, tmp_path):
    house = plans()
    # The end of the wake step takes SQLite so long that the process is killed within it.
    house.house.connection.execute(
        """create trigger slow before update on plan_steps when new.step = 'wake' and new.state = 'done' begin
        select count(*) from (with recursive n (i) as (select 1 union all select i + 1 from n) select i from n
          limit 300000000); end"""
    )
    house.house.fail()
    house.start()
    udp.recv(200)
    wait_until(
        lambda: house.began("program") and house.began("again") and hook.got and house.orders() == [1, 1]
    )
    house.kill()
    house.house.connection.execute("drop trigger slow")
    names = ("program", "again", "hook", "node", "order", "wake")
    assert set(house.states(*names).values()) == {"running"}
    hook.go.set()
    for name in ("program", "again"):
        (tmp_path / f"{name}.go").touch()
    house.start()
    house.carry_out_orders()
    wait_until(
        lambda: sorted(set(house.states().values())) == ["done", "unknown", "unknown,done"], timeout=60
    )
    assert house.states(*names) == {
        "program": "unknown",
        "again": "unknown,done",
        "hook": "unknown",
        "node": "done",
        "order": "done",
        "wake": "unknown",
    }
    assert (len(house.began("program")), len(house.began("again")), len(hook.got)) == (1, 2, 1)
    assert house.orders() == [1, 1] and len(house.began("then")) == 6
    assert house.process.end() == 0


def test_killed_after_the_end_and_before_it_is_recorded_nothing_is_repeated(plans, hook, udp, tmp_path):
    house = plans()
    house.house.fail()
    house.start()
    wait_until(
        lambda: house.began("program") and house.began("again") and hook.got and house.orders() == [1, 1]
    )
    house.carry_out_orders()
    wait_until(lambda: set(house.states("node", "order", "wake").values()) == {"done"})
    with closing(connect(tmp_path / "house.db")) as other:
        other.execute("begin immediate")
        hook.go.set()
        for name in ("program", "again"):
            (tmp_path / f"{name}.go").touch()
        house.process.wait_text("hook done: HTTP 200")
        house.process.wait_text("program done: exit code 0: the end of program")
        house.process.wait_text("again done")
        house.kill()
        other.rollback()
    assert set(house.states("program", "again", "hook").values()) == {"running"}
    house.start()
    wait_until(lambda: len(house.began("then")) == 6 and "running" not in house.states().values(), timeout=60)
    assert house.states("program", "again", "hook") == {
        "program": "unknown",
        "again": "unknown,done",
        "hook": "unknown",
    }
    assert (len(house.began("program")), len(house.began("again")), len(hook.got)) == (1, 2, 1)
    # Mains are back while a step runs that says that this is safe, and time runs out for another one.
    assert house.process.end() == 0
