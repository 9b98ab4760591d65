"""People and tokens of `access:`: their rights, how passwords are checked, how guessing is slowed down."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from datasette_auth_passwords.utils import hash_password, verify_password

from ingest.config.access import Access, Person, Token

FREE = {"name": 3, "address": 10, "token": 10}  # wrong ones before a wait is asked for, by kind of key
LONGEST_WAIT_S = 60
FORGOTTEN_S = 900  # without a wrong password
MAX_KEYS = 5000


class Throttle:
    """Counts wrong passwords and tokens by key: `name X`, `address X`, `token X`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: dict[str, tuple[int, float]] = {}  # key -> (count, clock of the last one)

    def wait_s(self, *keys: str) -> float:
        """Seconds until the next try of all these keys is allowed; 0 when it is."""
        now = self._clock()
        waits = [0.0]
        for key in keys:
            count, last = self._wrong.get(key, (0, now))
            if now - last >= FORGOTTEN_S:
                self._wrong.pop(key, None)
            elif count >= (free := FREE[key.partition(" ")[0]]):
                waits.append(last + min(2 ** (count - free), LONGEST_WAIT_S) - now)
        return max(waits)

    def add_failure(self, *keys: str) -> None:
        """Count a wrong password or token."""
        for key in keys:
            count = self._wrong.pop(key, (0, 0.0))[0]
            self._wrong[key] = (count + 1, self._clock())
        while len(self._wrong) > MAX_KEYS:
            del self._wrong[next(iter(self._wrong))]

    def clear(self, *keys: str) -> None:
        """Forget the wrong ones after a right one."""
        for key in keys:
            self._wrong.pop(key, None)


class PasswordChecker:
    """Checks passwords one after the other in a thread of its own, so that no page waits for a hash."""

    def __init__(
        self, hashes: Mapping[str, str], verify: Callable[[str, str], bool] = verify_password
    ) -> None:
        self._hashes = hashes  # name -> hash
        self._verify = verify
        self._dummy_hash = next(iter(hashes.values()), None) or hash_password("")
        self._thread = ThreadPoolExecutor(1, "password")
        self.waiting = 0

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
        self.one_sign_in = asyncio.Lock()


def cookie_key(secret: str, password_hash: str) -> str:
    """Tie a cookie to a password: a new password makes the old cookies worthless."""
    return hmac.new(secret.encode(), password_hash.encode(), hashlib.sha256).hexdigest()[:16]
