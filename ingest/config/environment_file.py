"""`voltkeeper.env` beside a config: its secrets, as NAME='value'. The environment comes first."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

FILE = "voltkeeper.env"
LINE = re.compile(r"""(?:export\s+)?([A-Za-z_]\w*)=(?:'([^']*)'|"([^"$`\\]*)"|([^\s'"]*))\s*""")


def environment_file(config: Path) -> Path:
    """Where the secrets of a config are."""
    return config.parent / FILE


def parse_environment(text: str) -> dict[str, str]:
    """Names and values of the lines; others, such as comments, are left out."""
    found = (LINE.fullmatch(line.strip()) for line in text.splitlines())
    return {one[1]: next(value for value in one.groups()[1:] if value is not None) for one in found if one}


def read_environment(config: Path, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment, with what only the file of a config has. Raises OSError where it cannot be read."""
    try:
        text = environment_file(config).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return dict(environment)
    return {**parse_environment(text), **environment}


def is_private(path: Path) -> bool:
    """Whether nobody but its owner can read a file."""
    return not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
