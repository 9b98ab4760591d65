"""Items of the writer as JSON, and back: what the spool keeps of them.

Everything compound is a list that begins with its type. A NamedTuple or dataclass is named; its fields go by
name, so that another version reads what it knows, and defaults stand for the rest. An object that several
items share is one object again.
"""

import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import Any, NamedTuple

LIST, TUPLE, SET, DICT, SHARED = "l", "t", "s", "d", "@"
PLAIN = (str, int, float, bool, type(None))
MONOTONIC = "monotonic"  # fields whose name ends so are seconds of a clock that a boot starts anew
EPOCH = "epoch"  # fields of this name number the connections of one process

Json = Any  # what json.loads() returns
Item = Json  # one of the types that a codec was made for, or a part of one
COLLECTIONS: Mapping[str, Callable[[Iterable[Item]], Item]] = {LIST: list, TUPLE: tuple, SET: frozenset}


class Special(NamedTuple):
    """A type with a form of its own: to something plain, and back."""

    kind: type
    encode: Callable[[Item], Json]
    decode: Callable[[Json], Item]


class ItemCodec:
    """Encodes and decodes items of the types given, and of the types of their fields."""

    def __init__(self, items: Iterable[object], special: Iterable[Special] = ()) -> None:
        self._types: dict[str, type] = {}
        self._special = {one.kind.__name__: one for one in special}
        for item in items:
            self._register(item)

    def __contains__(self, item: Item) -> bool:
        return self._types.get(type(item).__name__) is type(item)

    def _register(self, hint: object) -> None:
        for part in typing.get_args(hint):
            self._register(part)
        if not isinstance(hint, type) or isinstance(hint, types.GenericAlias):
            return
        if not (_is_record(hint) or issubclass(hint, Enum)) or self._types.get(hint.__name__) is hint:
            return
        if hint.__name__ in self._types:
            raise TypeError(f"two types are called {hint.__name__}")
        self._types[hint.__name__] = hint
        if _is_record(hint):
            for one in typing.get_type_hints(hint).values():
                self._register(one)

    def encode(self, items: Iterable[Item]) -> Json:
        """Return the items as what json.dumps() takes. Raises TypeError for what is of no known type."""
        encoder = _Encoder(self._types, self._special)
        return [encoder.encode(item) for item in items]

    def decode(self, encoded: Json, later_s: float = 0.0) -> list[Item]:
        """Return the items; their monotonic times are set `later_s` seconds later.

        Raises ValueError, TypeError, KeyError, IndexError for what no codec has written.
        """
        decoder = _Decoder(self._types, self._special, later_s)
        return [decoder.decode(one) for one in encoded]


def _is_record(kind: type) -> bool:
    return is_dataclass(kind) or (issubclass(kind, tuple) and hasattr(kind, "_fields"))


class _Encoder:
    def __init__(self, known: Mapping[str, type], special: Mapping[str, Special]) -> None:
        self._known, self._special = known, special
        self._seen: dict[int, tuple[int, object]] = {}  # id -> number, and the object, which keeps the id

    def encode(self, value: object) -> Json:
        special = self._special.get(type(value).__name__)
        if special is not None and special.kind is type(value):
            return [type(value).__name__, special.encode(value)]
        if isinstance(value, Enum):
            return [self._name(value), value.value]
        if isinstance(value, PLAIN):
            return value
        if _is_record(type(value)):
            return self._record(value)
        if isinstance(value, Mapping):
            return [DICT, *([self.encode(key), self.encode(one)] for key, one in value.items())]
        if isinstance(value, (list, tuple)):
            return [LIST if isinstance(value, list) else TUPLE, *map(self.encode, value)]
        if isinstance(value, (set, frozenset)):
            return [SET, *map(self.encode, sorted(value))]
        raise TypeError(f"{type(value).__name__} cannot be kept")

    def _record(self, value: object) -> Json:
        if not is_dataclass(value):
            return [self._name(value), *map(self.encode, typing.cast("tuple[object, ...]", value))]
        if id(value) in self._seen:
            return [SHARED, self._seen[id(value)][0]]
        number = len(self._seen)
        self._seen[id(value)] = (number, value)
        return [
            self._name(value),
            number,
            {one.name: self.encode(getattr(value, one.name)) for one in fields(value) if one.init},
        ]

    def _name(self, value: object) -> str:
        name = type(value).__name__
        if self._known.get(name) is not type(value):
            raise TypeError(f"{name} cannot be kept")
        return name


class _Decoder:
    def __init__(self, known: Mapping[str, type], special: Mapping[str, Special], later_s: float) -> None:
        self._known, self._special, self._later_s = known, special, later_s
        self._seen: dict[int, object] = {}

    def decode(self, value: Json) -> Item:
        if not isinstance(value, list):
            return value
        tag, rest = value[0], value[1:]
        if tag == SHARED:
            return self._seen[rest[0]]
        if tag == DICT:
            return {self.decode(key): self.decode(one) for key, one in rest}
        if tag in COLLECTIONS:
            return COLLECTIONS[tag](map(self.decode, rest))
        if tag in self._special:
            return self._special[tag].decode(rest[0])
        return self._build(self._known[tag], rest)

    def _build(self, kind: type, rest: list[Json]) -> Item:
        if issubclass(kind, Enum):
            return kind(rest[0])
        if not is_dataclass(kind):
            return kind(*map(self.decode, rest))
        number, given = rest
        wanted = {one.name: one for one in fields(kind) if one.init}
        values = {name: self.decode(one) for name, one in given.items() if name in wanted}
        for name, at in values.items():
            if name.endswith(MONOTONIC) and isinstance(at, float):
                values[name] = at + self._later_s
        if EPOCH in values:
            values[EPOCH] = (self, values[EPOCH])  # no connection of this process
        for name, one in wanted.items():
            if name not in values and one.default is MISSING and one.default_factory is MISSING:
                raise ValueError(f"{kind.__name__} has no {name}")
        made = self._seen[number] = kind(**values)
        return made
