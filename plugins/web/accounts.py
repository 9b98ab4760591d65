"""People and tokens of `access:`: their rights, and how passwords are checked."""

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from datasette_auth_passwords.utils import verify_password

from ingest.config.access import Access, Person, Token
from plugins.web.sessions import TOUCH_S
from plugins.web.throttle import SignInLine, Throttle

MAX_WAITING = (
    8  # sign-ins that wait for their turn, of browsers that have not signed in before; and of others
)
OF_ONE = 4  # of them, of one address or browser
NO_PASSWORD = (
    f"pbkdf2_sha256$480000${'0' * 32}${'A' * 43}="  # takes as long to check as a hash made by default
)


class PasswordChecker:
    """Checks passwords one after the other in a thread of its own, so that no page waits for a hash."""

    def __init__(
        self, hashes: Mapping[str, str], verify: Callable[[str, str], bool] = verify_password
    ) -> None:
        self._hashes = hashes  # name -> hash
        self._verify = verify
        self._dummy_hash = next(iter(hashes.values()), NO_PASSWORD)
        self._thread = ThreadPoolExecutor(1, "password")

    async def check(self, name: str, password: str) -> bool:
        """True when the password is right. Takes as long for a name that does not exist."""
        loop = asyncio.get_running_loop()
        known = self._hashes.get(name, self._dummy_hash)
        is_right = await loop.run_in_executor(self._thread, self._verify, password, known)
        return is_right and name in self._hashes


class Accounts:
    """What `access:` says, as the site looks it up. Secrets stay here, never in the public metadata."""

    def __init__(self, access: Access, secret: str) -> None:
        everyone: tuple[Person | Token, ...] = (*access.people, *access.tokens)
        self.open_to_read = access.read == "anyone"
        self.rights = {one.name: frozenset(one.may) for one in everyone}
        self.tokens = [(one.token.encode(), one.name) for one in access.tokens]
        self.cookie_keys = {one.name: cookie_key(secret, one.password_hash) for one in access.people}
        self.passwords = PasswordChecker({one.name: one.password_hash.strip() for one in access.people})
        self.throttle = Throttle()
        self.known_browsers, self.new_browsers = (
            SignInLine(MAX_WAITING, OF_ONE),
            SignInLine(MAX_WAITING, OF_ONE),
        )
        self._secret = secret.encode()
        self._touched: dict[str, float] = {}

    def csrf_token(self, session_hash: str) -> str:
        """The token that the forms of a session carry."""
        return hmac.new(self._secret, f"csrf {session_hash}".encode(), hashlib.sha256).hexdigest()

    def may_touch(self, session_hash: str, ticks: float) -> bool:
        """True once in TOUCH_S of the monotonic clock: that a session was used is to be written."""
        if ticks - self._touched.get(session_hash, -TOUCH_S) < TOUCH_S:
            return False
        self._touched = {hash: at for hash, at in self._touched.items() if ticks - at < TOUCH_S}
        self._touched[session_hash] = ticks
        return True


def cookie_key(secret: str, password_hash: str) -> str:
    """Tie a session to a password: a new password ends the sessions of the old one."""
    return hmac.new(secret.encode(), password_hash.encode(), hashlib.sha256).hexdigest()[:16]
