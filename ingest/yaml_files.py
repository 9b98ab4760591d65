"""The YAML files that come with the program, such as metadata.yml."""

from pathlib import Path
from typing import Any

import yaml

# libyaml's reads metadata.yml ten times faster; a PyYAML that was built without it lacks the class.
_Loader: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Any:  # Any: YAML
    """Read a file. Raises OSError or yaml.YAMLError."""
    return yaml.load(path.read_text(encoding="utf-8"), _Loader)
