"""A step that asks an address of another program; nothing of it but scheme and host is in any text."""

import asyncio
import http.client
import json
import urllib.error
import urllib.request

from ingest.config.plan import WebhookSettings
from outbound.plan.model import PlanMoment, StepOutcome, StepState
from outbound.senders.address import hide_secrets
from outbound.senders.connection_errors import describe_connection_error
from outbound.senders.threads import start_thread


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: headers with secrets are for the address that the config names."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Return nothing, which makes an error of it."""


async def call_webhook(settings: WebhookSettings, timeout_s: float, moment: PlanMoment) -> StepOutcome:
    """Ask once; a status from 200 to 299 is success."""
    request = _request(settings, moment)
    try:
        async with asyncio.timeout(timeout_s):
            return await start_thread(lambda: _ask(request, settings.url, timeout_s), "webhook")
    except TimeoutError:
        text = f"no answer within {timeout_s:g} s: it may have been taken"
        return StepOutcome(StepState.TIMED_OUT, text)


def _request(settings: WebhookSettings, moment: PlanMoment) -> urllib.request.Request:
    headers = {"User-Agent": "voltkeeper"}
    data = None
    if settings.method != "GET":
        headers["Content-Type"] = "application/json" if settings.body is None else "text/plain; charset=utf-8"
        body = json.dumps(dict(moment.fields())) if settings.body is None else settings.body
        data = body.encode()
    return urllib.request.Request(settings.url, data, {**headers, **settings.headers}, method=settings.method)


def _ask(request: urllib.request.Request, url: str, timeout_s: float) -> StepOutcome:
    try:
        opener = urllib.request.build_opener(NoRedirect)
        with opener.open(request, timeout=timeout_s) as answer:
            return StepOutcome(StepState.DONE, f"HTTP {answer.status} {answer.reason}".strip())
    except urllib.error.HTTPError as error:
        with error:
            return StepOutcome(StepState.FAILED, hide_secrets(f"HTTP {error.code} {error.reason}", url))
    except TimeoutError:
        return StepOutcome(StepState.TIMED_OUT, f"no answer within {timeout_s:g} s: it may have been taken")
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        why = describe_connection_error(reason) if isinstance(reason, BaseException) else ""
        return StepOutcome(StepState.FAILED, f"no answer: {why or type(error).__name__}")
