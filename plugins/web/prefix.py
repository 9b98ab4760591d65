"""The site under a path such as /volt/ on the name of a proxy: every address on every page gets the prefix.

Templates, views and code write addresses from the root ("/nodes"). With `web: {base_url: /volt/}` they are
prefixed where they leave: in the attributes of templates, in cells, in redirects. Requests may come with the
prefix or without it (a proxy may take it off or not): it is taken off first, so no route knows of it.
"""

import re

from jinja2 import Environment
from jinja2.ext import Extension
from markupsafe import Markup

ATTRIBUTES = r'(\b(?:href|src|action|formaction)=")'
PATH = re.compile(ATTRIBUTES + r"/(?!/)")
VALUE = re.compile(ATTRIBUTES + r"\{\{(-?)\s*(.*?)\s*(-?)\}\}", re.S)


def rooted(root: str, url: str) -> str:
    """The address with the prefix. One that has it, is relative or leads elsewhere stays as it is."""
    if not root or not str(url).startswith("/") or str(url).startswith("//"):
        return url
    return url if re.match(re.escape(root) + r"(?![^/?#])", url) else root + url


def rooted_cell(root: str, html: Markup | None) -> Markup | None:
    """The same for the links in a piece of HTML. Other values stay as they are."""
    if not root or not isinstance(html, Markup):
        return html
    return Markup(PATH.sub(rf"\1{root}/", str(html)))


class Prefix(Extension):
    """Templates as if they had been written for the prefix, which is the global `root` of the environment."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Prefix the addresses in the text of a template."""
        source = PATH.sub(rf"\1{self.environment.globals['root']}/", source)
        return VALUE.sub(r"\1{{\2 (\3)|rooted \4}}", source)


def prefix_templates(env: Environment, root: str) -> None:
    """Make a Jinja environment write addresses with the prefix; before it has read a template."""
    if root:
        env.globals["root"] = root
        env.filters["rooted"] = lambda url: rooted(root, url)
        env.add_extension(Prefix)
