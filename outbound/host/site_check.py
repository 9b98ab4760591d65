"""Whether the site answers, asked by HTTP at the address of the config."""

import http.client
import urllib.error
import urllib.request
from dataclasses import dataclass

from ingest.config.web import Web
from outbound.host.condition import HostCondition

PULSE = "-/pulse.json"
ASK_S = 30.0  # between two questions
WAIT_S = 10.0  # for an answer
FAILURES = 3  # in a row: the site is down
START_S = 120.0  # from the start of this process: the site may start after it
LOCAL = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def pulse_url(web: Web) -> str:
    """The address at which the site of this machine answers; '' where the port is any free one."""
    if not web.port:
        return ""
    host = LOCAL.get(web.host, web.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{web.port}{web.base_url}{PULSE}"


def ask_site(url: str, wait_s: float = WAIT_S) -> str:
    """Ask the site; returns why it does not answer, '' where it does, if only with a demand to sign in."""
    try:
        with urllib.request.urlopen(url, timeout=wait_s) as answer:
            answer.read(1)
    except urllib.error.HTTPError as error:
        return "" if error.code < 500 else f"it answers with status {error.code}"
    except TimeoutError:
        return f"no answer within {wait_s:.0f} s"
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        return f"no answer: {getattr(reason, 'strerror', None) or reason}"
    return ""


@dataclass
class SiteAnswers:
    """The answers so far. Times are seconds of the monotonic clock since the start of this process."""

    failures: int = 0
    first_failed: float = 0.0
    reason: str = ""
    has_answered: bool = False

    def note(self, reason: str, at: float) -> None:
        """Take an answer: '' or why there was none."""
        if not reason:
            self.failures, self.has_answered, self.reason = 0, True, ""
            return
        if not self.failures:
            self.first_failed = at
        self.failures, self.reason = self.failures + 1, reason

    def is_down(self, at: float) -> bool:
        """Whether it did not answer FAILURES times in a row, and should be there by then."""
        return self.failures >= FAILURES and (self.has_answered or at >= START_S)

    def is_known(self, at: float) -> bool:
        """Whether it is known that the site answers, or that it does not."""
        return self.is_down(at) or (self.has_answered and not self.failures)

    def check(self, url: str, at: float, now: float) -> list[HostCondition]:
        """SITE_DOWN where it is; `now` is unix seconds."""
        if not self.is_down(at):
            return []
        since = now - (at - self.first_failed)
        return [
            HostCondition(
                "SITE_DOWN",
                "",
                f"{url.removesuffix(PULSE)}: {self.reason}",
                "site",
                since,
                is_steady=True,
            )
        ]
