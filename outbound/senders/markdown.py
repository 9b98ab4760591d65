"""Plain text for services that format every message as Markdown: its characters appear as they are. Pure.

Apprise escapes text where it converts it itself; to these services it passes text on unchanged.
"""

import re

FORMATTING_SERVICES = frozenset(("discord", "mmost", "mmosts"))  # Apprise's schemes
# An address stays as it is, or it would be no link; `#`, `>` and `-#` count at the start of a line alone.
SPECIAL = re.compile(r"(?P<address>https?://\S+)|[\\`*_~|\[\]<]|^[#>]|^-(?=#)", re.MULTILINE)


def escape_markdown(text: str) -> str:
    r"""The text with a backslash before each character that formats: `rack\_1`."""
    return SPECIAL.sub(lambda found: found[0] if found["address"] else f"\\{found[0]}", text)
