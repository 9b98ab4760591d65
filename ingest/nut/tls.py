"""TLS to a NUT server: the context that the config asks for, and errors with reason and remedy."""

import ssl
from collections.abc import Callable
from pathlib import Path

from ingest.nut.errors import NutError
from ingest.nut.settings import TlsSettings

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
# Words in the reason of an alert of the server that wants to see a certificate of ours.
WANTS_OURS = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "ALERT_UNKNOWN_CA", "UNSUPPORTED_CERTIFICATE")
TOO_OLD = ("UNSUPPORTED_PROTOCOL", "PROTOCOL_VERSION")
NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")


def make_context(tls: TlsSettings) -> ssl.SSLContext:
    """Return the context of the settings. Raises NutError for a file that cannot be used.

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
    raise NutError(
        "tls", "tls: the key is encrypted: store it without a password, readable by this user alone"
    )


def _check_readable(path: Path, name: str) -> None:
    try:
        with path.open("rb"):
            return
    except OSError as error:
        raise NutError("tls", f"tls: {name}: {path} cannot be read: {error.strerror}") from error


def _load(path: Path, name: str, load: Callable[[], None]) -> None:
    _check_readable(path, name)
    try:
        load()
    except ssl.SSLError as error:
        if "KEY_VALUES_MISMATCH" in str(error):
            problem = "is not the certificate of this key"
        else:
            problem = f"is no certificate in PEM, or has no key beside it ({error.reason or error})"
        raise NutError("tls", f"tls: {name}: {path} {problem}") from error


def refusal(error: NutError, server: str) -> NutError:
    """Return the error of a server that answers ERR to STARTTLS."""
    return NutError(
        "tls",
        f"{server} answers {error.raw} to STARTTLS: it offers no TLS, and nothing is sent without. Give upsd "
        "a certificate (CERTPATH and CERTIDENT, or CERTFILE, in upsd.conf), or take tls: out of the config",
        error.raw,
    )


def explain(error: ssl.SSLError, server: str, host: str, tls: TlsSettings) -> NutError:
    """Return the error of a handshake that failed, or of a connection that TLS ended."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return NutError("tls", f"the certificate of {server} is not accepted: {_verdict(error, host, tls)}")
    reason = error.reason or str(error)
    wanted = certificate_wanted(tls)
    if any(word in reason for word in WANTS_OURS):
        return NutError("tls", f"{server} wants {wanted} ({_words(reason)}; CERTREQUEST in upsd.conf)")
    if "HANDSHAKE_FAILURE" in reason:
        return NutError(
            "tls", f"{server} refuses the TLS handshake: does it want {wanted}? ({_words(reason)})"
        )
    if any(word in reason for word in TOO_OLD):
        return NutError("tls", f"{server} knows no TLS 1.2 or later ({_words(reason)}): update its NUT")
    if any(word in reason for word in NOT_TLS):
        return NutError("tls", f"{server} says OK to STARTTLS and then speaks no TLS ({_words(reason)})")
    return NutError("tls", f"TLS with {server} failed: {_words(reason)}")


def certificate_wanted(tls: TlsSettings) -> str:
    """What a server wants that does not go on with our certificate, or without one."""
    return "another certificate than tls: cert" if tls.cert else "a certificate of ours, named as tls: cert"


def _verdict(error: ssl.SSLCertVerificationError, host: str, tls: TlsSettings) -> str:
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


def _words(reason: str) -> str:
    """`TLSV13_ALERT_CERTIFICATE_REQUIRED` as words."""
    return reason.lower().replace("_", " ")
