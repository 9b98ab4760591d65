"""A real Mosquitto on a port of its own, clients of it, and a gateway that speaks MySensors over MQTT."""

import getpass
import re
import shutil
import socket
import subprocess
import threading
import time
from contextlib import suppress

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.programs import free_port

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
LIMIT_S = 30.0  # of one wait; only a failure takes so long
SAVES_ALL = ("autosave_interval 1", "autosave_on_changes true")
VERSION_QUESTION = "0;255;3;0;2;"


def until(found, what="it", seconds=LIMIT_S):
    """The first true answer of `found()`."""
    end = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < end, f"{what} did not come within {seconds} s"
        time.sleep(0.02)
    return answer


class Broker:
    """Mosquitto in a folder; `kill()` and `start()` are a crash and a restart, with what it has on its disk.

    `settings` are further lines of its configuration, such as `password_file`, or SAVES_ALL for a broker that
    is to crash.
    """

    def __init__(self, folder, *settings, port=None):
        folder.mkdir(exist_ok=True)
        self.folder, self.port = folder, port or free_port()
        self.conf = folder / "mosquitto.conf"
        access = [] if any("allow_anonymous" in line for line in settings) else ["allow_anonymous true"]
        # Root would become the user mosquitto, who may not write into the folder.
        lines = [
            f"user {getpass.getuser()}",
            f"listener {self.port} 127.0.0.1",
            f"persistence_location {folder}/",
            "persistence true",
        ]
        lines += [*access, *settings]
        self.conf.write_text("\n".join(lines) + "\n")
        self.process = None
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def start(self):
        with open(self.folder / "mosquitto.log", "ab") as log:
            self.process = subprocess.Popen([MOSQUITTO, "-c", str(self.conf)], stdout=log, stderr=log)
        until(self.listens, "the broker")

    def listens(self):
        assert self.process.poll() is None, self.log()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def log(self):
        return (self.folder / "mosquitto.log").read_text(errors="replace")

    def end(self, is_crash=False):
        if self.process.poll() is None:
            self.process.kill() if is_crash else self.process.terminate()
        self.process.wait(20)


class OldBroker:
    """A broker that knows MQTT 3.1.1 alone, as a relay before a real one.

    It refuses level 5 as the standard says, or `closes` the connection, or is `silent`, as amqtt 0.12 is.
    """

    def __init__(self, broker, refusal=""):
        self._refusal = refusal
        self.levels = []  # of each connection
        self._broker = broker
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, suppress(OSError):
            begin = client.recv(4096)
            level = begin[begin.index(b"MQTT") + 4]
            self.levels.append(level)
            if level != 4:
                if self._refusal == "silent":
                    while client.recv(100):
                        pass
                elif self._refusal != "closes":
                    client.sendall(bytes((0x20, 2, 0, 1)))  # CONNACK: unacceptable protocol version
                return
            with socket.create_connection(("127.0.0.1", self._broker.port)) as server:
                server.sendall(begin)
                threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()
                self._pass_on(server, client)

    @staticmethod
    def _pass_on(source, target):
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def certificate(folder, name, host, days=10):
    """A certificate of its own issuer for `host`, such as IP:127.0.0.1, and its key: two files."""
    key, cert = folder / f"{name}.key", folder / f"{name}.crt"
    command = (
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {key} -out {cert}"
    )
    command += f" -subj /CN={name} -addext subjectAltName={host} -days {days}"
    subprocess.run(command.split(), check=True, capture_output=True)
    return cert, key


class MqttPeer:
    """A paho client in a thread of its own, connected; it comes back by itself when the broker does."""

    def __init__(self, broker, name="", topics=(), username=None, password=None):
        self.client = Client(CallbackAPIVersion.VERSION2, name)
        self.client.reconnect_delay_set(0.2, 1)
        self.client.max_inflight_messages_set(200)
        if username:
            self.client.username_pw_set(username, password)
        self.topics, self._subscribed = [*topics], threading.Event()
        self.client.on_connect = self._connected
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        until(self.client.is_connected, name)
        assert not topics or self._subscribed.wait(LIMIT_S)

    def _connected(self, client, data, flags, code, properties):
        for topic in self.topics:
            client.subscribe(topic, 1)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class MqttListener(MqttPeer):
    """A client that notes what it gets: `messages` are (topic, payload, retained) in their order."""

    def __init__(self, broker, *topics, **login):
        self.messages = []
        super().__init__(broker, topics=topics, **login)

    def _connected(self, client, data, flags, code, properties):
        client.on_message = self._take
        super()._connected(client, data, flags, code, properties)

    def _take(self, client, data, message):
        self.messages.append((message.topic, message.payload.decode(), message.retain))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def publish(self, topic, payload, retain=False):
        self.client.publish(topic, payload, 1, retain).wait_for_publish(LIMIT_S)

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

        return until(found, topic, timeout)[0]

    def settle(self, quiet_s=0.5, timeout=30):
        """Wait until nothing has come for a while."""
        end, seen, at = time.monotonic() + timeout, -1, time.monotonic()
        while time.monotonic() < end:
            if len(self.messages) != seen:
                seen, at = len(self.messages), time.monotonic()
            elif time.monotonic() - at >= quiet_s:
                return
            time.sleep(0.05)
        raise AssertionError(f"messages for {timeout} s without a pause")


class MqttFakeGateway(MqttPeer):
    """Publishes lines below `prefix`-out as the library does, takes those below `prefix`-in.

    It answers the question for its version while `answers` is true.
    """

    def __init__(self, broker, prefix="mygateway1", on_line=None, **login):
        self.publish_prefix, self.subscribe_prefix = f"{prefix}-out", f"{prefix}-in"
        self.answers, self.received, self.on_line = True, [], on_line
        super().__init__(broker, f"fake-{prefix.replace('/', '-')}", **login)
        self.client.message_callback_add(f"{self.subscribe_prefix}/+/+/+/+/+", self._take)
        self.topics.append(f"{self.subscribe_prefix}/+/+/+/+/+")
        self._subscribed.clear()
        self._connected(self.client, None, None, None, None)
        assert self._subscribed.wait(LIMIT_S)

    def _take(self, client, data, message):
        fields = message.topic.removeprefix(f"{self.subscribe_prefix}/").split("/")
        line = ";".join([*fields, message.payload.decode()])
        self.received.append(line)
        if self.on_line is not None:
            self.on_line(line)
        elif self.answers and line == VERSION_QUESTION:
            self.say("0;255;3;0;2;2.4.0-alpha")

    def say(self, *lines, qos=0, retain=False):
        """Publish lines; returns when the broker has those of QoS 1."""
        sent = []
        for line in lines:
            *fields, payload = line.split(";", 5)
            sent.append(self.publish("/".join(fields), payload, qos, retain))
        for one in sent if qos else ():  # those of QoS 0 may come from a callback, which must not wait
            one.wait_for_publish(LIMIT_S)

    def publish(self, levels, payload, qos=0, retain=False):
        return self.client.publish(f"{self.publish_prefix}/{levels}", payload, qos, retain)

    def heard(self, pattern):
        return [line for line in self.received if re.fullmatch(pattern, line)]

    def wait(self, pattern, number=1, seconds=LIMIT_S):
        """The received lines that match, as soon as there are `number`."""
        return until(lambda: len(self.heard(pattern)) >= number and self.heard(pattern), pattern, seconds)


class Bridge:
    """The MQTT side of a gateway that serves TCP on `port`: its lines go to topics, and back.

    What such a gateway greets a TCP client with is not published: by MQTT there is no I_GATEWAY_READY.
    """

    def __init__(self, broker, port, prefix="mygateway1", qos=0):
        self._socket = socket.create_connection(("127.0.0.1", port))
        self.qos = qos
        self.gateway = MqttFakeGateway(broker, prefix, on_line=self._send)
        threading.Thread(target=self._read, daemon=True).start()

    def _send(self, line):
        self._socket.sendall(f"{line}\n".encode())

    def _read(self):
        with suppress(OSError), self._socket.makefile("r", encoding="utf-8", newline="\n") as lines:
            for line in lines:
                if not line.startswith("0;255;3;0;14;"):
                    *fields, payload = line.rstrip("\n").split(";", 5)
                    self.gateway.publish("/".join(fields), payload, self.qos)

    def close(self):
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.gateway.close()
