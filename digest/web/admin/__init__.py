"""The pages for the operator, under ``/admin``. Off, and then not there, unless a way to log in is set."""

from fastapi import APIRouter

from digest.web.admin import entrance, front, sent, sources, subscribers, suppression

__all__ = ["PARTS", "router"]

PARTS = (
    entrance.outside,
    entrance.inside,
    front.router,
    sources.router,
    sent.router,
    subscribers.router,
    suppression.router,
)
router = APIRouter(include_in_schema=False)
for part in PARTS:
    router.include_router(part)
