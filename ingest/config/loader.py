"""Values from YAML as frozen dataclasses; generic, the sections are elsewhere in this package.

A section is a dataclass whose fields are its keys; types are what the hints give: a scalar, another section,
`X | None`, `Literal[...]`, `tuple[X, ...]`, `frozenset[X]`, `dict[str, X]`. A section whose class names a key
as `PLAIN` may be written as the text of that key alone. A section's `check()` yields (key, message) for what
types cannot express. Every error of a file is collected, each with its place, so that one reading shows them
all.
"""

import math
import os
import types
import typing
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING, Field, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from ingest.errors import VoltkeeperError
from ingest.nearest import nearest

UNLISTED = {"unlisted": True}  # metadata of a field that the program sets; it is no key of the file

Section = TypeVar("Section")
Value = Any  # what YAML gave, or a value of the type that a hint describes
Hint = Any  # a type, or a generic alias such as tuple[str, ...]


class ConfigError(VoltkeeperError, ValueError):
    """What is wrong with a config, one line each: file, key, what is wrong, what to do."""


def secret(**options: Value) -> Value:
    """A field that never shows in a repr, nor in an error."""
    return field(repr=False, **options)


def keyed(key: str, **options: Value) -> Value:
    """A field whose key in the file is a word of Python, such as `from`."""
    return field(metadata={"key": key}, **options)


class _Loader(yaml.SafeLoader):
    """YAML that refuses a key given twice instead of forgetting the first, and leaves dates as text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[typing.Hashable, Value]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if str(key) in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {key!r} is given twice", problem_mark=key_node.start_mark
                )
            seen.add(str(key))
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(text: str, name: str) -> object:
    """Return the text as Python values. Raises ConfigError, which names the line."""
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{name}, line {mark.line + 1}" if mark else name
        problem = getattr(error, "problem", None) or "a character that YAML does not allow"
        raise ConfigError(f"{place}: cannot be read as YAML: {problem}") from error


class SectionReader:
    """Builds sections from values, collecting `errors`.

    `literals` names the secrets that stand in the file itself. Whatever is wrong is added to `errors`, and
    None is returned in place of the value.
    """

    def __init__(self, folder: Path | str, environment: Mapping[str, str] = os.environ) -> None:
        self.errors: list[str] = []
        self.literals: list[str] = []
        self._folder = Path(folder)
        self._environment = environment

    def section(self, kind: type[Section], value: object, place: str = "") -> Section | None:
        """Build the dataclass `kind` of a mapping; None where something is wrong with it."""
        value, keys = _spelt_out(kind, value), _keys(kind)
        if not isinstance(value, dict):
            self._fail(place, f"has to be a mapping with the keys {', '.join(keys)}")
            return None
        hints, before = typing.get_type_hints(kind), len(self.errors)
        for key in value:
            if key not in keys:
                self._fail(place, f"unknown key {str(key)!r}: {nearest(key, keys)}")
        given = {}
        for key, one in keys.items():
            name, inner = one.name, f"{place}.{key}" if place else key
            if key in value:
                given[name] = self._build(hints[name], value[key], inner, hidden=not one.repr)
            elif one.default is MISSING and one.default_factory is MISSING:
                self._fail(inner, "is missing, and needed")
            elif isinstance(one.default, Path):
                given[name] = self._folder / one.default
        if len(self.errors) > before:
            return None
        built = kind(**given)
        for key, problem in built.check() if hasattr(built, "check") else ():
            self._fail(".".join(filter(None, (place, key))), problem)
        return built

    def _fail(self, place: str, problem: str) -> None:
        self.errors.append(f"{place}: {problem}" if place else problem)

    def _build(self, kind: Hint, value: Value, place: str, hidden: bool = False) -> Value:
        origin: Hint = typing.get_origin(kind)
        arguments = typing.get_args(kind)
        if origin in (types.UnionType, typing.Union):
            inner = next(one for one in arguments if one is not type(None))
            return None if value is None else self._build(inner, value, place, hidden)
        if kind is object:  # another program's: as it is
            return value
        if isinstance(value, dict) and set(value) == {"$env"}:
            value = self._from_environment(value["$env"], place)
            if value is None:
                return None
        elif hidden:
            self.literals.append(place)
        if origin is typing.Literal:
            return self._choice(arguments, value, place)
        if is_dataclass(kind):
            return self.section(typing.cast(type, kind), value, place)
        if origin in (tuple, frozenset):
            return self._items(origin, arguments[0], value, place)
        if origin is dict:
            return self._entries(arguments[1], value, place)
        return self._scalar(kind, value, place, "what is there" if hidden else repr(value))

    def _choice(self, words: tuple[Value, ...], value: Value, place: str) -> Value:
        word = "off" if value is False else value  # as YAML reads it
        if word in words:
            return word
        return self._fail(place, f"{word!r} is none of {', '.join(filter(None, words))}")

    def _items(self, collection: Hint, kind: Hint, value: Value, place: str) -> Value:
        """A tuple or frozenset of a list."""
        if not isinstance(value, (list, type(None))):
            return self._fail(place, "has to be a list: [one, another], or a line with a dash for each")
        items = enumerate(value or ())
        return collection([self._build(kind, one, _item(place, n, one)) for n, one in items])

    def _entries(self, kind: Hint, value: Value, place: str) -> Value:
        """A dict of a mapping whose keys people choose."""
        if not isinstance(value, (dict, type(None))):
            return self._fail(place, "has to be a mapping of names to settings")
        return {str(key): self._build(kind, one, f"{place}.{key}") for key, one in (value or {}).items()}

    def _from_environment(self, name: object, place: str) -> str | None:
        value = self._environment.get(str(name))
        if not value:
            state = "is not set" if value is None else "is empty"
            self._fail(place, f"the environment variable {name} {state}: set it before the start")
        return value or None

    def _scalar(self, kind: Hint, value: Value, place: str, shown: str) -> Value:
        if value is None:
            return self._fail(place, "has no value: give one, or remove the key")
        if kind is bool:
            if isinstance(value, bool):
                return value
            return self._fail(place, f"has to be true or false, not {shown}")
        if kind in (int, float):
            return self._number(kind, value, place, shown)
        if isinstance(value, bool):
            return self._fail(place, "reads as yes or no in YAML: put the word in quotes")
        if isinstance(value, (dict, list)):
            return self._fail(place, f"has to be text, not {shown}")
        return self._folder / Path(str(value)).expanduser() if kind is Path else str(value)

    def _number(self, kind: Hint, value: Value, place: str, shown: str) -> Value:
        if isinstance(value, str) and "_" not in value:
            with suppress(ValueError):
                value = float(value)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or kind(value) != value:
            return self._fail(place, f"has to be a {'whole ' if kind is int else ''}number, not {shown}")
        return kind(value)


def _spelt_out(kind: Hint, value: object) -> object:
    """The mapping that a section is written as: of its PLAIN key alone, or of nothing."""
    plain = getattr(kind, "PLAIN", "")
    return {} if value is None else {plain: value} if plain and isinstance(value, str) else value


def _keys(kind: Hint) -> dict[str, Field[Value]]:
    return {
        one.metadata.get("key", one.name): one for one in fields(kind) if not one.metadata.get("unlisted")
    }


def _item(place: str, n: int, value: object) -> str:
    """The place of an item of a list: by its name where it has one, else by its number, counted from 1."""
    name = value.get("name") if isinstance(value, dict) else None
    return f"{place}[{name if isinstance(name, str) else n + 1}]"
