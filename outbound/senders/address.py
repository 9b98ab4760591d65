"""The address of a target as pages, logs and errors show it: scheme and host alone. Pure.

Services keep secrets in every other part of an Apprise URL, and some in the place of the host: there the
scheme stands alone.
"""

import re
from urllib.parse import unquote

from ingest.config.alerts import AlertTarget
from ingest.config.mail import Mail

HOST = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\]")
HAVE_HOST = frozenset(  # schemes whose URL always has a host, by Apprise's templates
    """amqp amqps apprise apprises bark barks deltachat deltachats emby embys enigma2 enigma2s evolution
    evolutions form forms goalert goalerts gorush gorushs gotify gotifys hassio hassios http https humhub
    humhubs irc ircs jellyfin jellyfins json jsons kodi kodis mailto mailtos mastodon mastodons misskey
    misskeys mmost mmosts mqtt mqtts ncloud nclouds nctalk nctalks onebot onebots parsep parseps pinglet
    pinglets pjet pjets rocket rockets rsyslog signal signals smseagle smseagles synology synologys toot toots
    xbmc xbmcs xml xmls xmpp xmpps""".split()
)
MAY_HAVE_HOST = frozenset(  # where something else stands there when nothing follows or precedes it
    "matrix matrixs notica noticas ntfy ntfys pushdeer pushdeers".split()
)
SECRET = 4  # characters: a shorter part of a URL is not hidden in a text, since it would be found anywhere


def url_address(url: str) -> str:
    """`json://nas.lan` of a URL; `tgram://` where the host would be a secret."""
    scheme, _, rest = url.strip().partition("://")
    scheme = scheme.lower() if re.fullmatch(r"[A-Za-z0-9]{1,20}", scheme) else ""
    if not rest or not scheme:
        return ""
    host, has_more = _host(rest)
    is_host = scheme in HAVE_HOST or (scheme in MAY_HAVE_HOST and has_more)
    return f"{scheme}://{host if is_host and HOST.fullmatch(host) else ''}"


def _host(rest: str) -> tuple[str, bool]:
    """The host of what follows `://`, and whether there is a user, a port or a path beside it."""
    place, _, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    user, _, host_port = place.rpartition("@")
    host, port = host_port, ""
    if host_port.startswith("["):
        host, _, port = host_port.partition("]")
        host += "]"
    elif ":" in host_port:
        host, _, port = host_port.partition(":")
    return host, bool(user or port or path.strip("/"))


def target_address(target: AlertTarget, mail: Mail | None = None) -> str:
    """Where messages of a target go, for people: without any secret."""
    if target.url:
        return url_address(target.url)
    if target.mail:
        host = f" by {mail.host}" if mail else ""
        return f"{', '.join(target.mail)}{host}"
    return target.command[0] if target.command else ""


def hide_secrets(text: str, url: str) -> str:
    """The text without any part of the URL but its scheme and host: what a service or a library wrote."""
    shown = url_address(url).partition("://")[2]
    parts = {part for part in re.split(r"[/?&#=:@,;+]+", url.partition("://")[2]) if part}
    parts |= {unquote(part) for part in parts}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= SECRET and part not in (shown, shown.strip("[]")):
            text = text.replace(part, "***")
    return text
