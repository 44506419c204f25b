"""Whose token a program shows. No cookie is read here: what a browser sends by itself proves nothing."""

from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from digest.models import Subscriber
from digest.web.session import claimed_subscriber
from digest.web.site import SiteDep

__all__ = ["PURPOSE", "Reader", "get_reader"]

PURPOSE = "api"
_bearer = HTTPBearer(
    scheme_name="token",
    description="One's own token, from the page of preferences. Making all links invalid there ends it.",
    auto_error=False,
)


def get_reader(
    site: SiteDep, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Subscriber:
    """The subscriber whose token is shown; 401 without one that counts."""
    if shown is None:
        raise HTTPException(
            401, "This is one's own: send Authorization: Bearer TOKEN.", {"WWW-Authenticate": "Bearer"}
        )
    reader = claimed_subscriber(site, PURPOSE, shown.credentials)
    if reader is None:
        challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        raise HTTPException(401, "This token is not, or no longer, one that counts.", challenge)
    return reader


Reader = Annotated[Subscriber, Depends(get_reader)]
