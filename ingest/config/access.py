"""`access:` of config.yml: who may read and who may write."""

import re
from dataclasses import dataclass

from ingest.config.checks import check_name, check_unique, nearest_choice
from ingest.config.loader import secret

RIGHTS = ("edit", "order", "upload", "maintain")
PASSWORD_HASH = re.compile(r"pbkdf2_sha256\$\d+\$[^$]+\$[^$]+")
TOKEN_LENGTH = 16  # characters, at least


@dataclass(frozen=True)
class Person:
    """Somebody who signs in with a password, and what they may do."""

    name: str
    password_hash: str = secret()
    may: frozenset[str] = frozenset()

    def check(self):
        yield from check_name(self.name)
        yield from check_rights(self.may)
        if not PASSWORD_HASH.fullmatch(self.password_hash.strip()):
            words = "is no hash of a password: `voltkeeper hash-password` makes one"
            yield "password_hash", f"{words}; in a shell it needs 'single quotes'"


@dataclass(frozen=True)
class Token:
    """A program that sends `Authorization: Bearer TOKEN`, and what it may do."""

    name: str
    token: str = secret()
    may: frozenset[str] = frozenset()

    def check(self):
        yield from check_name(self.name)
        yield from check_rights(self.may)
        if not self.token.isascii() or not self.token.isprintable() or len(self.token.strip()) < TOKEN_LENGTH:
            yield (
                "token",
                f"has to be {TOKEN_LENGTH} or more ASCII characters: `openssl rand -hex 20` makes one",
            )


@dataclass(frozen=True)
class Access:
    """Who may read and who may write; nobody writes until somebody is named here."""

    read: str = "anyone"
    people: tuple[Person, ...] = ()
    tokens: tuple[Token, ...] = ()

    def check(self):
        if self.read not in ("anyone", "signed-in"):
            yield "read", f"{self.read!r} is neither anyone nor signed-in"
        if self.read == "signed-in" and not (self.people or self.tokens):
            yield "read", "is signed-in, but nobody could sign in: name somebody under people"
        yield from check_unique([one.name for one in (*self.people, *self.tokens)], "people and tokens")
        if len({one.token for one in self.tokens}) < len(self.tokens):
            yield "tokens", "two of them are the same: each needs a token of its own"


def check_rights(may):
    for right in sorted(may - set(RIGHTS)):
        yield "may", f"{right!r} is no right: {nearest_choice(right, RIGHTS)}"
