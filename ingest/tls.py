"""TLS to a server of another program: the context of the settings, and what a refused certificate means."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ingest.errors import VoltkeeperError

# Codes of OpenSSL (x509_vfy.h) -> what they mean here.
EXPIRED, NOT_YET_VALID = 10, 9
WRONG_NAME = (62, 64)  # host name, IP address
UNKNOWN_ISSUER = (
    2,
    18,
    19,
    20,
    21,
    27,
)  # no issuer, self-signed, self-signed in the chain, ... , not trusted


class TlsSettings(Protocol):
    """Whether a server is spoken to in TLS, and with which certificates."""

    @property
    def used(self) -> bool:
        """Whether TLS is used at all; then nothing goes without it."""

    @property
    def verify(self) -> bool:
        """Whether the server's certificate has to be right."""

    @property
    def ca(self) -> Path | None:
        """Certificates that are trusted, in PEM; None for those of the machine."""

    @property
    def cert(self) -> Path | None:
        """Our own certificate, in PEM, for a server that wants one."""

    @property
    def key(self) -> Path | None:
        """The key of `cert`; None where it stands in the same file."""


class TlsFileError(VoltkeeperError):
    """A file of the settings that cannot be used; the message begins with its key."""


def make_context(tls: TlsSettings) -> ssl.SSLContext:
    """Return the context of the settings. Raises TlsFileError for a file that cannot be used.

    Certificates of private authorities are often not as strict as Python 3.13 wants them by default: whom
    `ca` names is trusted, be it an authority or the server's own certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif tls.ca is None:
        context.load_default_certs()
    else:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        _load(tls.ca, "ca", lambda: context.load_verify_locations(tls.ca))
    if tls.cert is not None:
        cert, key = tls.cert, tls.key or tls.cert
        if key != cert:
            _check_readable(key, "key")
        _load(cert, "cert", lambda: context.load_cert_chain(cert, key, password=_no_password))
    return context


def _no_password() -> str:
    raise TlsFileError("the key is encrypted: store it without a password, readable by this user alone")


def _check_readable(path: Path, name: str) -> None:
    try:
        with path.open("rb"):
            return
    except OSError as error:
        raise TlsFileError(f"{name}: {path} cannot be read: {error.strerror}") from error


def _load(path: Path, name: str, load: Callable[[], None]) -> None:
    _check_readable(path, name)
    try:
        load()
    except ssl.SSLError as error:
        if "KEY_VALUES_MISMATCH" in str(error):
            problem = "is not the certificate of this key"
        else:
            problem = f"is no certificate in PEM, or has no key beside it ({error.reason or error})"
        raise TlsFileError(f"{name}: {path} {problem}") from error


def certificate_problem(error: ssl.SSLCertVerificationError, host: str, tls: TlsSettings) -> str:
    """Why the certificate of a server is not accepted, with the remedy."""
    code = error.verify_code
    if code == EXPIRED:
        return "it has expired; make a new one, or is this machine's clock right?"
    if code == NOT_YET_VALID:
        return "it is not valid yet: is this machine's clock right?"
    if code in WRONG_NAME:
        return f"it is for another host than {host}: give as host: a name that it contains"
    if code in UNKNOWN_ISSUER:
        known = f"{tls.ca} is not" if tls.ca else "this machine does not know"
        end = (
            "that of its issuer"
            if tls.ca
            else "its issuer: name the issuer's certificate, or its own, as tls: ca"
        )
        return f"{known} {end} ({error.verify_message})"
    return error.verify_message
