"""As whom a request comes: the actor, how it is known, and the CSRF token that its forms have to carry."""

import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from starlette.types import Scope

from plugins.web.sessions import Session

DEVICE_COOKIE = "voltkeeper_device"  # of a browser that has signed in before; it says nothing of the request
KEY = "identity"  # in the scope of a request

MASKED = re.compile(r"(?P<salt>[0-9a-f]{16})-(?P<mark>[0-9a-f]{40})")

Actor: TypeAlias = Mapping[str, Any] | None  # Any: Datasette's; ours have the key `id`


class Identity(NamedTuple):
    """The actor of a request. `session` is None for a token, which no browser sends by itself."""

    actor: Actor = None
    session: Session | None = None
    csrf_token: str = ""  # of the session

    @property
    def has_token(self) -> bool:
        """Whether the actor is known by a bearer token."""
        return self.actor is not None and self.session is None


ANONYMOUS = Identity()


def identity_of(scope: Scope) -> Identity:
    """The identity of a request; ANONYMOUS where none was found out."""
    identity: Identity = scope.get(KEY, ANONYMOUS)
    return identity


def csrf_token_of(scope: Scope) -> str:
    """The token that forms carry: that of the session; before a sign-in that of a cookie of asgi-csrf."""
    token: str = identity_of(scope).csrf_token or scope["csrftoken"]()
    return token


def masked_token(token: str) -> str:
    """A token as a page shows it: another text each time.

    Pages are compressed, and some show what their address says. Whoever sees how long such pages are, and can
    make a browser ask for many of them, could find out a text that is the same in all (BREACH, 2013).
    """
    return _masked(token, secrets.token_hex(8))


def _masked(token: str, salt: str) -> str:
    return f"{salt}-{hmac.new(token.encode(), salt.encode(), 'sha256').hexdigest()[:40]}"


def is_token(text: str, token: str) -> bool:
    """Whether a form has sent the token, masked or as it is."""
    found = MASKED.fullmatch(text)
    wanted = _masked(token, found["salt"]) if found else token
    return secrets.compare_digest(text.encode("utf-8", "surrogatepass"), wanted.encode())
