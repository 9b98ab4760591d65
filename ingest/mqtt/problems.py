"""What goes wrong between a client and its broker, as reason and remedy. Pure."""

import errno
import os
import socket
import ssl

from ingest.errors import VoltkeeperError
from ingest.mqtt.settings import BrokerOptions
from ingest.tls import certificate_problem

TAKEN_OVER = 0x8E  # reason code of MQTT 5: a session was taken over
UNSUPPORTED_PROTOCOL = 0x84
NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
WANTS_OURS = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "HANDSHAKE_FAILURE", "ALERT_UNKNOWN_CA")
NETWORK = {
    errno.ECONNREFUSED: "nothing listens there: does the broker run, is the port right (8883 with TLS)?",
    errno.EHOSTUNREACH: "no route to that host: is it on, is the address right?",
    errno.ENETUNREACH: "no route to that network: is the address right?",
}
APART = "client_id: under mqtt:"  # what two clients need two values of
LOGIN = "set username: and password: of mqtt: to what the broker's list of users has"
REFUSALS = {  # reason codes of MQTT 5, into which those of 3.1.1 are translated, too
    0x80: "it refuses the connection without a reason: see the broker's log",
    0x84: "it knows neither MQTT 5 nor 3.1.1: update it",
    0x88: "it is not available now: see the broker's log",
    0x89: "it is busy",
    0x8A: "it has banned this client: see its configuration",
    0x8C: "it wants another way to sign in than a password: see its configuration",
    0x97: "its quota is used up: see its configuration",
    0x9F: "it takes no more connections a second",
}
ENDS = {
    0x8B: "the broker shuts down",
    0x8D: "the broker heard nothing for a while: is the network path down?",
    0x95: "the broker got a packet that is too large for it",
    0x97: "the broker says that a quota is used up: see its configuration",
    0x98: "the broker's operator ended the connection",
}


class MqttError(VoltkeeperError, OSError):
    """A broker that cannot be reached, refuses, or ended the connection: reason and remedy.

    `code` is the broker's reason code, where it gave one; `is_unexplained`: it ended an open connection
    without one, as brokers of MQTT 3.1.1 do where a client id is used twice; `is_mute`: it has answered
    nothing, as some of them do where they are asked for MQTT 5.
    """

    def __init__(
        self, message: str, code: int = 0, is_unexplained: bool = False, is_mute: bool = False
    ) -> None:
        super().__init__(message)
        self.code, self.is_unexplained, self.is_mute = code, is_unexplained, is_mute


def explain_opening(error: Exception, broker: BrokerOptions, connect_s: float) -> MqttError:
    """Why no connection could be opened."""
    where = broker.address
    if isinstance(error, MqttError):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        verdict = certificate_problem(error, broker.host, broker.tls)
        return MqttError(f"the certificate of {where} is not accepted: {verdict}")
    if isinstance(error, ssl.SSLError):
        return MqttError(f"{where}: {_explain_tls(error)}")
    if isinstance(error, TimeoutError):
        return MqttError(
            f"no answer from {where} within {connect_s:.0f} s: is it on, are address and port right?"
        )
    if isinstance(error, socket.gaierror):
        return MqttError(f"{error.strerror}: is the name of the broker, {broker.host}, right?")
    if isinstance(error, ConnectionResetError):
        if not broker.tls.used:
            return no_answer(broker)
        return MqttError(f"{where} ends the TLS handshake: is it a port without TLS?")
    number = getattr(error, "errno", None)
    text = os.strerror(number) if number else str(error)
    return MqttError(f"{where}: {text}: {NETWORK[number]}" if number in NETWORK else f"{where}: {text}")


def _explain_tls(error: ssl.SSLError) -> str:
    reason = error.reason or str(error)
    words = reason.lower().replace("_", " ")
    if any(word in reason for word in NOT_TLS) or isinstance(error, ssl.SSLEOFError):
        return f"it speaks no TLS ({words}): is that its port for TLS (8883)? Else take tls: out"
    if any(word in reason for word in WANTS_OURS):
        return f"it wants a certificate of ours, named as tls: cert, or another one ({words})"
    return f"TLS failed: {words}"


def explain_refusal(code: int, broker: BrokerOptions, client_id: str) -> MqttError:
    """Why the broker refuses a client (CONNACK)."""
    if code in (0x86, 0x87):
        who = f"the user {broker.username}" if broker.username else "a client without a user"
        doubt = "is the password right, may it connect?" if broker.username else "it wants one."
        return MqttError(f"{broker.address} refuses {who}: {doubt} Remedy: {LOGIN}", code)
    if code == 0x85:
        return MqttError(
            f"{broker.address} refuses the client id {client_id}: set client_id: of mqtt: to what it takes",
            code,
        )
    reason = REFUSALS.get(code, f"it refuses the connection (reason code {code})")
    return MqttError(f"{broker.address}: {reason}", code)


def explain_end(code: int, broker: BrokerOptions, client_id: str, apart: str = APART) -> MqttError:
    """Why an open connection ended; the code is 0 where the broker gave none, `apart` as below."""
    if code == TAKEN_OVER:
        return MqttError(taken_over(broker, client_id, apart), code)
    text = ENDS.get(code, f"the broker {broker.address} closed the connection")
    return MqttError(text, code, is_unexplained=code == 0)


def taken_over(broker: BrokerOptions, client_id: str, apart: str = APART) -> str:
    """What it means that another client takes the session; `apart` is the key that makes the ids differ."""
    return (
        f"another client uses the client id {client_id} at {broker.address}: stop the other Voltkeeper, or "
        f"give each of the two another {apart}"
    )


def no_mqtt(broker: BrokerOptions) -> MqttError:
    """Something answers that is no broker."""
    return MqttError(f"what answers at {broker.address} speaks no MQTT: is the port right (1883 usually)?")


def no_answer(broker: BrokerOptions) -> MqttError:
    """The connection is closed before the first byte: in TLS 1.3 also where our certificate is refused."""
    if not broker.tls.used:
        hint = "is it a port that wants TLS (set tls:), or no broker?"
    elif broker.tls.cert is None:
        hint = "does it want a certificate of ours (tls: cert)? See the broker's log"
    else:
        hint = f"does it take the certificate {broker.tls.cert}? See the broker's log"
    return MqttError(f"{broker.address} closes the connection without an answer: {hint}", is_mute=True)


def not_readable(topic: str, broker: BrokerOptions) -> MqttError:
    """The broker refuses a subscription."""
    return _not_allowed("read", topic, broker)


def not_writable(topic: str, broker: BrokerOptions) -> MqttError:
    """The broker refuses a message."""
    return _not_allowed("publish", topic, broker)


def _not_allowed(action: str, topic: str, broker: BrokerOptions) -> MqttError:
    who = f"the user {broker.username}" if broker.username else "a client without a user"
    return MqttError(f"{broker.address} does not let {who} {action} {topic}: allow it in the broker's ACL")


def says_nothing(seconds: float, broker: BrokerOptions) -> MqttError:
    """Something takes the connection and does not answer at all."""
    return MqttError(
        f"{broker.address} takes the connection and says nothing within {seconds:.0f} s: is it an MQTT "
        "broker, is the port right (1883 usually)?",
        is_mute=True,
    )


def no_reply(what: str, seconds: float, broker: BrokerOptions) -> MqttError:
    """The broker is connected and does not answer `what`."""
    return MqttError(f"{broker.address} sends no {what} within {seconds:.0f} s: see the broker's log")
