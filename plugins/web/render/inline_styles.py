"""Templates without inline styles, which the content security policy refuses: Datasette's own have some."""

import re

from jinja2.ext import Extension

STYLE = re.compile(r'\sstyle="(?:\{\{.*?\}\}|[^"{])*"')


class NoInlineStyles(Extension):
    """Take the attribute `style` out of the text of every template, when it is compiled."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The source without the attributes."""
        return STYLE.sub("", source)
