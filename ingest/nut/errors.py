"""The error of everything that a NUT server or the way to it can do wrong, with its remedy."""

from ingest.errors import VoltkeeperError
from ingest.nut.transport import PyNUTError

# ERR words of the protocol (RFC 9271; docs/net-protocol.txt of NUT) -> outcome, what it means and what helps.
ERR_MEANINGS = {
    "DATA-STALE": ("stale", "the driver runs but has lost the UPS: check its USB or serial cable"),
    "DRIVER-NOT-CONNECTED": (
        "driver",
        "upsd runs but the driver of this UPS does not: start it with upsdrvctl",
    ),
    "ACCESS-DENIED": (
        "denied",
        "wrong user or password, or a user without this right: compare with upsd.users",
    ),
    "INVALID-USERNAME": ("denied", "the server does not take this user name"),
    "INVALID-PASSWORD": ("denied", "the server does not take this password"),
    "USERNAME-REQUIRED": ("denied", "this needs a user name and a password: set them in the config"),
    "PASSWORD-REQUIRED": ("denied", "this needs a user name and a password: set them in the config"),
    "UNKNOWN-UPS": ("unknown_ups", "the server knows no UPS of this name: LIST UPS lists the names"),
    "VAR-NOT-SUPPORTED": ("unsupported", "the UPS has no such variable"),
    "CMD-NOT-SUPPORTED": ("unsupported", "the UPS has no such command"),
    "FEATURE-NOT-SUPPORTED": ("unsupported", "the server is built without this"),
    "FEATURE-NOT-CONFIGURED": ("unsupported", "the server is not configured for this"),
    "UNKNOWN-COMMAND": ("unsupported", "the server does not know this request"),
    "ALREADY-SSL-MODE": ("protocol", "the connection is in TLS already"),
    "READONLY": ("readonly", "the variable cannot be set"),
    "INVALID-ARGUMENT": ("invalid", "the server does not take this argument"),
    "INVALID-VALUE": ("invalid", "the value is not one of those allowed"),
    "TOO-LONG": ("invalid", "the value is too long"),
    "SET-FAILED": ("failed", "upsd could not hand the setting to the driver"),
    "UNKNOWN": ("failed", "the driver of the UPS does not know it, or could not do it"),
    "FAILED": ("failed", "the driver of the UPS could not do it"),
    "INSTCMD-FAILED": ("failed", "upsd could not hand the command to the driver"),
}


READING = ("VER", "GET", "LIST", "USERNAME")  # what upsd refuses to nobody, and a NAS to unknown addresses


class NutError(VoltkeeperError, PyNUTError):
    """A request to a NUT server failed.

    `outcome` is the short word kept in `polls`: an answer ERR gives one of ERR_MEANINGS' or 'error'; the
    connection itself gives 'name', 'refused', 'unreachable', 'timeout', 'closed', 'tls', 'protocol' or
    'limit', more than is taken.
    `message` is for people, `raw` is the answer as it came. `answered` is True for an answer ERR: only then
    the connection can still be used.
    """

    def __init__(self, outcome: str, message: str, raw: str = "", answered: bool = False) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message
        self.raw = raw
        self.answered = answered


def answered_error(line: str, request: str, server: str, own_address: str = "") -> NutError:
    """Return the error of an answer `ERR <message> [<extra>...]`; the request has no secrets in it.

    `own_address` is where the server sees the request come from.
    """
    message = line.split()[1] if len(line.split()) > 1 else ""
    outcome, meaning = ERR_MEANINGS.get(
        message, ("error", "the server gives a reason that is not in the protocol")
    )
    if message == "ACCESS-DENIED" and request.split()[0] in READING:
        address = f"the address {own_address}" if own_address else "this machine's address"
        meaning = (
            f"{address} is probably not among those that may read: on a Synology NAS, enter it among the "
            "permitted devices (Control Panel, Hardware & Power, UPS). A few other servers let only a user "
            "read: compare username and password"
        )
    return NutError(outcome, f"{server} answers {line} to {request}: {meaning}", line, answered=True)
