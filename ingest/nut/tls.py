"""TLS to a NUT server: the context that the config asks for, and errors with reason and remedy."""

import ssl

from ingest.nut.errors import NutError
from ingest.tls import TlsFileError, TlsSettings, certificate_problem
from ingest.tls import make_context as tls_context

# Words in the reason of an alert of the server that wants to see a certificate of ours.
WANTS_OURS = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "ALERT_UNKNOWN_CA", "UNSUPPORTED_CERTIFICATE")
TOO_OLD = ("UNSUPPORTED_PROTOCOL", "PROTOCOL_VERSION")
NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")


def make_context(tls: TlsSettings) -> ssl.SSLContext:
    """Return the context of the settings. Raises NutError for a file that cannot be used."""
    try:
        return tls_context(tls)
    except TlsFileError as error:
        raise NutError("tls", f"tls: {error}") from error


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
        return NutError(
            "tls", f"the certificate of {server} is not accepted: {certificate_problem(error, host, tls)}"
        )
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


def _words(reason: str) -> str:
    """`TLSV13_ALERT_CERTIFICATE_REQUIRED` as words."""
    return reason.lower().replace("_", " ")
