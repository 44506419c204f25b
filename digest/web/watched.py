"""Around every route: a request id for the log, and how long the answer took, by the route's template.

Nothing here sees an address: those hold tokens.
"""

import logging
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digest.logs import tagged, told
from digest.metrics import WebMetrics

__all__ = ["NO_ROUTE", "Watched"]

_log = logging.getLogger(__name__)
# Where no route was for the address; they are endless, so all are one.
NO_ROUTE = "none"


class Watched:
    """ASGI: measures and names each request."""

    def __init__(self, inner: ASGIApp, metrics: WebMetrics) -> None:
        self._inner = inner
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        began = time.perf_counter()
        # Whoever gets none gets an error of ours.
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with tagged(request=secrets.token_hex(4)):
            try:
                await self._inner(scope, receive, sending)
            finally:
                seconds = time.perf_counter() - began
                route, method = getattr(scope.get("route"), "path", NO_ROUTE), scope["method"]
                self._metrics.observe(route=route, method=method, status=status, seconds=seconds)
                facts = told(route=route, method=method, status=status, seconds=round(seconds, 4))
                _log.debug("answered", extra=facts)
