"""A real Mosquitto for tests, and a client that notes what it gets."""

import getpass
import shutil
import subprocess
import threading
import time
from contextlib import contextmanager

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.programs import free_port, wait_until

PROGRAM = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


class Mosquitto:
    """A broker on `port` of 127.0.0.1, which keeps what is retained over a restart."""

    def __init__(self, folder, more=(), port=None):
        if PROGRAM is None:
            pytest.skip("no mosquitto on this machine")
        self.port = port or free_port()
        self._file = folder / f"mosquitto-{self.port}.conf"
        self._file.write_text(
            "\n".join(
                [
                    f"user {getpass.getuser()}",  # root would become another one, who cannot read the folder
                    f"listener {self.port} 127.0.0.1",
                    "persistence true",
                    f"persistence_location {folder}/",
                    f"persistence_file mosquitto-{self.port}.db",
                    "log_type all",
                    f"log_dest file {folder}/mosquitto-{self.port}.log",
                    *(more or ["allow_anonymous true"]),
                ]
            )
        )
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [PROGRAM, "-c", self._file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self._answers, 30)
        return self

    def _answers(self):
        with MqttListener(self.port, connect=False) as listener:
            return listener.try_connect()

    def stop(self):
        """End it as an administrator does: what is retained is kept."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def kill(self):
        """Kill it."""
        self.process.kill()
        self.process.wait(20)
        self.process = None


@contextmanager
def mosquitto(folder, more=()):
    """A broker that runs, until the end of the block."""
    broker = Mosquitto(folder, more).start()
    try:
        yield broker
    finally:
        broker.stop()


class MqttListener:
    """A client of a broker: `messages` are (topic, payload, retained) in their order."""

    def __init__(self, port, *filters, connect=True, **login):
        self._port, self._filters = port, filters
        self.messages = []
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        if login:
            self._client.username_pw_set(**login)
        self._client.on_message = lambda client, data, message: self.messages.append(
            (message.topic, message.payload.decode(), message.retain)
        )
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        if connect:
            self._client.connect("127.0.0.1", port)
            self._client.loop_start()
            assert not filters or self._subscribed.wait(30)

    def _on_connect(self, client, data, flags, code, properties):
        if self._filters:
            client.subscribe([(one, 1) for one in self._filters])

    def try_connect(self):
        """Whether the broker takes a connection."""
        try:
            return self._client.connect("127.0.0.1", self._port) == 0
        except OSError:
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic, payload, retain=False):
        self._client.publish(topic, payload, 1, retain).wait_for_publish(20)

    @property
    def newest(self):
        """The newest payload by topic."""
        return {topic: payload for topic, payload, _ in list(self.messages)}

    def wait(self, topic, payload=None, timeout=40):
        """The newest payload of a topic: any, one that is equal, or one that a function takes."""

        def found():
            text = self.newest.get(topic)
            is_right = payload(text) if callable(payload) and text is not None else text == payload
            return (text,) if text is not None and (payload is None or is_right) else None

        return wait_until(found, timeout)[0]

    def settle(self, quiet_s=0.5, timeout=30):
        """Wait until nothing has come for a while."""
        until, seen, at = time.monotonic() + timeout, -1, time.monotonic()
        while time.monotonic() < until:
            if len(self.messages) != seen:
                seen, at = len(self.messages), time.monotonic()
            elif time.monotonic() - at >= quiet_s:
                return
            time.sleep(0.05)
        raise AssertionError(f"messages for {timeout} s without a pause")
