"""A config written as text."""

from ingest.config.loader import parse_yaml
from ingest.config.model import read_config


def parse_config(text, folder, name="config.yml"):
    """The text of a config as Config. Raises ConfigError with every error."""
    return read_config(parse_yaml(text, name), folder, name)[0]
