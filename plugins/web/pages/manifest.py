"""/manifest.webmanifest: what a browser shows of the site as an application of its own."""

import json

from datasette import Request, Response

from plugins.web.app.assets import asset
from plugins.web.prefix import rooted
from plugins.web.site import Site

NAME_LENGTH, SHORT_LENGTH = 60, 12  # of the title, which may be as long as people like
THEME, PAPER = "#0b5394", "#f7f7f5"


async def manifest(datasette: Site, request: Request) -> Response:
    """GET /manifest.webmanifest; it holds no data, so nobody has to sign in for it."""
    root, title = datasette.root, datasette.config.title
    icons: list[dict[str, str]] = [
        {
            "src": rooted(root, asset(f"icon-{size}.png")),
            "sizes": f"{size}x{size}",
            "type": "image/png",
            "purpose": "any maskable",
        }
        for size in (192, 512)
    ]
    icons.append({"src": rooted(root, asset("icon.svg")), "sizes": "any", "type": "image/svg+xml"})
    body = {
        "id": rooted(root, "/"),
        "name": title[:NAME_LENGTH],
        "short_name": title if len(title) <= SHORT_LENGTH else "Voltkeeper",
        "start_url": rooted(root, "/"),
        "scope": rooted(root, "/"),
        "display": "standalone",
        "theme_color": THEME,
        "background_color": PAPER,
        "icons": icons,
    }
    return Response(json.dumps(body), content_type="application/manifest+json")
