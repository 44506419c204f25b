"""What Prometheus reads, for the operator's programs only."""

import hmac
import ipaddress

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from digest.metrics import CONTENT_TYPE
from digest.text import is_this_machine
from digest.web.guard import PEER
from digest.web.site import SiteDep

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

# What a proxy says of whom it speaks for; who comes directly sends none of these.
PROXIED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


@router.get("/metrics")
def get_metrics(request: Request, site: SiteDep) -> Response:
    """The metrics of this installation, and how long this process's own answers took.

    With ``metrics_token`` for who sends it, else for programs on this machine that come without a proxy.
    """
    token = site.settings.metrics_token
    if token is None:
        if not _is_local(request):
            raise HTTPException(404, "There is no such page.")
    elif not _has_token(request, token.get_secret_value()):
        raise HTTPException(401, "This needs the token.", headers={"WWW-Authenticate": "Bearer"})
    return Response(site.metrics.text(), media_type=CONTENT_TYPE)


def _has_token(request: Request, token: str) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    # As bytes: what is not ASCII cannot be compared as text.
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def _is_local(request: Request) -> bool:
    """Whether somebody on this machine asks for this machine, and for nobody else.

    The name is looked at too: a page of another site may call itself one that leads to loopback.
    """
    try:
        is_loopback = ipaddress.ip_address(request.scope.get(PEER) or "").is_loopback
    except ValueError:
        is_loopback = False
    host = request.headers.get("host", "").rpartition("@")[2]
    name = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    return is_loopback and is_this_machine(name) and not any(one in request.headers for one in PROXIED)
