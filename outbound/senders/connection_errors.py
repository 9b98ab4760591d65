"""Why there is no connection to a server, whatever is spoken over it. Pure."""

import socket
import ssl


def describe_connection_error(error: BaseException) -> str:
    """A few words without the address, which may hold a secret; '' where the error says nothing."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS connection: {error.reason or 'it failed'}"
    if isinstance(error, socket.gaierror):
        return f"its name cannot be resolved: {error.strerror}"
    return error.strerror.lower() if isinstance(error, OSError) and error.strerror else ""
