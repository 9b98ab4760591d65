"""An ingest process that did not run for a while: what waits is read first, and judged then."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from ingest.mysensors.node_hold import Transmitter
from ingest.mysensors.ota_session import OtaService
from ingest.mysensors.settings import GatewayOptions
from ingest.process.running_time import RunningTime
from ingest.schema.migrate import migrate
from ota.settings import OtaSettings
from ota.update import OtaUpdate
from tests.ingest.mysensors.conftest import ROOT, IngestSite, TinyGateway
from tests.ingest.mysensors.test_events import Days, watch
from tests.ingest.nut.scripted import ScriptedUpsd
from tests.ota.test_server import FIRMWARE

STALL_S = 6.0
DAEMON = """
import logging, sys
from ingest.config.model import load_config
from ingest.daemon import DaemonTiming, run_ingest
from ingest.mysensors.settings import GatewayTiming
logging.basicConfig(level="INFO")
quick = DaemonTiming(gateway=GatewayTiming(keepalive_s=1.0, idle_timeout_s=4.0))
sys.exit(run_ingest(load_config(sys.argv[1]), timing=quick))
"""


class StallingUpsd(ScriptedUpsd):
    """Has the program that asks stopped, once, before it answers."""

    def __init__(self):
        super().__init__()
        self.pid = None
        self.stopped = threading.Event()

    def reply(self, request):
        if self.pid is not None and request == "LIST VAR rack":
            os.kill(self.pid, signal.SIGSTOP)
            self.pid = None
            self.stopped.set()
        return super().reply(request)


@pytest.fixture(scope="module")
def stalled(tmp_path_factory):
    """A site whose ingest was stopped in the middle of an answer of upsd, while the gateway went on."""
    site, gateway = IngestSite(tmp_path_factory.mktemp("stall")), TinyGateway()
    with StallingUpsd() as upsd:
        (site.folder / "config.yml").write_text(
            f"database: {site.path}\ngateways: [{{name: main, tcp: '{gateway.address}'}}]\n"
            f"nut: [{{name: closet, port: {upsd.port}, poll_s: 2, status_s: 2}}]\n"
        )
        with open(site.folder / "ingest.log", "w") as log:
            daemon = subprocess.Popen(
                [sys.executable, "-c", DAEMON, str(site.folder / "config.yml")],
                cwd=ROOT,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        try:
            gateway.connected()
            gateway.say("12;255;0;0;17;2.4.0", "12;1;1;0;2;0")
            site.wait("select 1 from messages where node_id = 12")
            site.wait("select 1 from polls where outcome = 'ok'")
            upsd.pid = daemon.pid
            assert upsd.stopped.wait(20)
            for number in range(300):
                gateway.say(f"12;2;1;0;24;{number}")
            time.sleep(STALL_S)
            os.kill(daemon.pid, signal.SIGCONT)
            site.wait("select 1 from messages where payload = '299'")
            polls = len([one for one in upsd.requests if one == "LIST VAR rack"])
            end = time.monotonic() + 20
            while len([one for one in upsd.requests if one == "LIST VAR rack"]) < polls + 2:
                assert time.monotonic() < end
                time.sleep(0.05)
        finally:
            daemon.send_signal(signal.SIGCONT)
            daemon.terminate()
            daemon.wait(20)
            gateway.close()
        yield site, gateway


def test_what_the_gateway_sent_meanwhile_is_stored_and_it_is_not_lost(stalled):
    site, gateway = stalled
    payloads = site.column("select payload from messages where child_id = 2 order by id")
    assert payloads == [str(number) for number in range(300)]
    assert site.rows("select event, detail from events") == []
    assert gateway.connects == 1
    assert "Nothing was read for" in site.log()


def test_an_answer_that_came_meanwhile_is_no_failed_poll(stalled):
    site, _ = stalled
    assert site.column("select distinct outcome from polls") == ["ok"]


@pytest.mark.parametrize("stall_s", [1_300, 10_000])
def test_nodes_are_not_silent_because_we_did_not_listen(tmp_path_factory, stall_s):
    path = tmp_path_factory.mktemp("days") / "telemetry.db"
    migrate(path)
    days = Days(path)
    try:
        running = RunningTime(lambda: days.monotonic)
        running.tick()
        days.events.running = running
        watch(days, 60)
        for _ in range(20):
            days.say("12;1;1;0;0;1")
            tick(days, running, 30)
        days.monotonic += stall_s
        days.wall += stall_s
        days.events.poll(days.connection, False)
        running.tick()
        tick(days, running, 60)
        assert days.rows() == []
        tick(days, running, 700)
        assert [row[0] for row in days.rows()] == ["NODE_SILENT"]
    finally:
        days.connection.close()


def tick(days, running, seconds):
    """Time in which the loop runs."""
    for _ in range(seconds):
        days.monotonic += 1
        days.wall += 1
        running.tick()
        if days.monotonic % 15 < 1:
            days.events.poll(days.connection, False)
    days.commit()


class AwakeGateway:
    """What an OTA session needs of a gateway whose nodes are awake."""

    number, settings = 0, GatewayOptions("main", tcp="x:1")

    def __init__(self):
        self.transmitter = Transmitter()

    def is_sleeping(self, node_id):
        return False

    opens_window = is_sleeping

    def ask_heartbeat(self, node_id):
        pass

    expect_presentation = ask_heartbeat


@pytest.mark.parametrize("stall_s", [1_000, 20_000])
def test_an_update_does_not_fail_because_we_did_not_run(stall_s):
    clock = [1_000_000.0]

    async def play():
        running = RunningTime(lambda: clock[0])
        service = OtaService(OtaSettings(), lambda record: None, lambda: None, running)
        service.now = lambda: clock[0]
        service.join(AwakeGateway()).connected()
        service.server.add_firmware(FIRMWARE)
        update = OtaUpdate(1, 5, 10, 2, id=1)
        service.apply([update])
        service.server.message_received(1, clock[0])

        def run(seconds):
            for _ in range(seconds):
                clock[0] += 1
                running.tick()
                service._tick()
                service._timer.cancel()

        run(10)
        assert update.state == "rebooting"
        clock[0] += stall_s
        service._tick()  # before anything shows that the loop did not run
        run(800)
        assert update.state == "rebooting"
        run(200)
        assert update.state == "failed" and "nothing was heard" in update.reason

    asyncio.run(play())
