"""The YAML files that come with the program, such as metadata.yml."""

import pickle
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

# libyaml's reads metadata.yml ten times faster; a PyYAML that was built without it (armv7) lacks the class.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Any:  # Any: YAML
    """Read a file. Raises OSError or yaml.YAMLError."""
    return pickle.loads(_parse(path.read_text(encoding="utf-8")))


@lru_cache(maxsize=2)  # several parts of one process read the same file
def _parse(text: str) -> bytes:
    """The content of a YAML text as a pickle, from which each reader makes a copy of its own."""
    return pickle.dumps(yaml.load(text, _Loader))
