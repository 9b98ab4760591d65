"""The site under a path of its own, such as /volt/ on the name of a proxy: every address on every page gets the prefix.

Templates, views and code write addresses from the root ("/nodes"). With `web: {base_url: /volt/}` they are prefixed
where they leave: in the attributes of templates, in cells, in redirects. Requests may come with the prefix or without
it (a proxy may take it off or not): it is taken off first, so no route knows of it.
"""

import re

from jinja2.ext import Extension
from markupsafe import Markup

ATTRIBUTES = r'(\b(?:href|src|action|formaction)=")'
PATH = re.compile(ATTRIBUTES + r"/(?!/)")
VALUE = re.compile(ATTRIBUTES + r"\{\{(-?)\s*(.*?)\s*(-?)\}\}", re.S)


def root_of(base_url):
    """`web.base_url` as what stands before a path: '' for /, '/volt' for /volt/."""
    return base_url.rstrip("/")


def rooted(root, url):
    """The address with the prefix. One that has it, is relative or leads elsewhere stays as it is."""
    if not root or not str(url).startswith("/") or str(url).startswith("//"):
        return url
    return url if re.match(re.escape(root) + r"(?![^/?#])", url) else root + url


def rooted_cell(root, html):
    """The same for the links in a piece of HTML. Other values stay as they are."""
    if not root or not isinstance(html, Markup):
        return html
    return Markup(PATH.sub(rf"\1{root}/", str(html)))


class Prefix(Extension):
    """Templates as if they had been written for the prefix `environment.root`."""

    def preprocess(self, source, name, filename=None):
        source = PATH.sub(rf"\1{self.environment.root}/", source)
        return VALUE.sub(r"\1{{\2 (\3)|rooted \4}}", source)


def prefix_templates(env, root):
    """Make a Jinja environment write addresses with the prefix; before it has read a template."""
    if root:
        env.extend(root=root)
        env.filters["rooted"] = lambda url: rooted(root, url)
        env.add_extension(Prefix)


def under_prefix(app, root):
    """Wrap the ASGI application, which knows nothing of the prefix."""
    if not root:
        return app

    async def inner(scope, receive, send):
        if scope["type"] != "http":
            return await app(scope, receive, send)

        async def send_rooted(message):
            if message["type"] == "http.response.start":
                message = dict(
                    message, headers=[_rooted_header(root, *pair) for pair in message.get("headers", [])]
                )
            await send(message)

        scope = dict(scope, path=_without(root, scope["path"]))
        if scope.get("raw_path"):
            scope["raw_path"] = _without(root, scope["raw_path"].decode("latin-1")).encode("latin-1")
        await app(scope, receive, send_rooted)

    return inner


def _without(root, path):
    return path[len(root) :] or "/" if path == root or path.startswith(f"{root}/") else path


def _rooted_header(root, name, value):
    if name.lower() == b"location":
        value = rooted(root, value.decode("latin-1")).encode("latin-1")
    return name, value
