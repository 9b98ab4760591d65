"""The section `access:` of config.yml: reading and the rights of people and tokens."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ingest.config.checks import Problems, check_name, check_that, check_unique, nearest_choice
from ingest.config.loader import secret

RIGHTS = ("edit", "order", "upload", "maintain")
PASSWORD_HASH = re.compile(r"pbkdf2_sha256\$\d+\$[^$]+\$[^$]+")
TOKEN_LENGTH = 16  # characters, at least


@dataclass(frozen=True)
class Person:
    """A user who signs in with a password, and the rights of that user."""

    name: str
    password_hash: str = secret()
    may: frozenset[str] = frozenset()

    def check(self) -> Problems:
        """Yield what is wrong: the name, the rights and the password hash are of the form needed."""
        yield from check_name(self.name)
        yield from check_rights(self.may)
        yield from check_that(
            bool(PASSWORD_HASH.fullmatch(self.password_hash.strip())),
            "password_hash",
            "is not a password hash: `voltkeeper hash-password` makes one; "
            "in a shell it needs 'single quotes'",
        )


@dataclass(frozen=True)
class Token:
    """A program that sends `Authorization: Bearer TOKEN`, and its rights."""

    name: str
    token: str = secret()
    may: frozenset[str] = frozenset()

    def check(self) -> Problems:
        """Yield what is wrong: the name, the rights and the token are of the form needed."""
        yield from check_name(self.name)
        yield from check_rights(self.may)
        yield from check_that(
            self.token.isascii() and self.token.isprintable() and len(self.token.strip()) >= TOKEN_LENGTH,
            "token",
            f"has to be {TOKEN_LENGTH} or more ASCII characters: `openssl rand -hex 20` makes one",
        )


@dataclass(frozen=True)
class Access:
    """Whether reading needs a sign-in, and the users with rights to write; without any, writing is off.

    `sql` is about SQL that visitors write themselves; the queries of metadata.yml belong to reading.
    """

    read: str = "anyone"
    sql: Literal["anyone", "signed-in", "off"] = "anyone"
    people: tuple[Person, ...] = ()
    tokens: tuple[Token, ...] = ()

    def check(self) -> Problems:
        """Yield what is wrong: names and tokens are used once; where reading needs a sign-in, one exists."""
        yield from check_that(
            self.read in ("anyone", "signed-in"), "read", f"{self.read!r} is neither anyone nor signed-in"
        )
        users: tuple[Person | Token, ...] = (*self.people, *self.tokens)
        for key, value in (("read", self.read), ("sql", self.sql)):
            yield from check_that(
                value != "signed-in" or bool(users),
                key,
                "is signed-in, but no user could sign in: name one under people",
            )
        yield from check_unique([user.name for user in users], "people and tokens")
        yield from check_that(
            len({one.token for one in self.tokens}) == len(self.tokens),
            "tokens",
            "two of them are the same: each needs a token of its own",
        )


def check_rights(may: Iterable[str]) -> Problems:
    """Every right exists."""
    for right in sorted(set(may) - set(RIGHTS)):
        yield "may", f"{right!r} is not a right: {nearest_choice(right, RIGHTS)}"
