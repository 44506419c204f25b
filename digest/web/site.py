"""What all routes share: the program, its addresses, and what is kept between requests."""

from datetime import datetime
from functools import cached_property
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from digest.app import App
from digest.pipeline.browsing import Browser
from digest.pipeline.feeding import FeedShelf
from digest.pipeline.moment import Moment
from digest.pipeline.passwords import Door
from digest.pipeline.previewing import Previewer
from digest.pipeline.rating import Foresight
from digest.pipeline.signing_up import are_sign_ups_open

__all__ = ["Site", "SiteDep", "get_site"]


class Site:
    """One installation as the web sees it. Made once for a process; used by many threads."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.settings = app.settings
        self.secret = app.secret_key()
        self.base_url = app.settings.base_url
        parts = urlsplit(self.base_url or "")
        self.prefix = parts.path.rstrip("/")
        self.origin = f"{parts.scheme}://{parts.netloc}" if parts.netloc else None
        _ = app.sign_up_limits  # made now, while there is one thread, so that all count in the same
        self.door = Door()
        self.trusted_proxies = tuple(filter(None, map(str.strip, app.settings.trusted_proxies.split(","))))

    @property
    def name(self) -> str:
        """What the digest is called."""
        return self.settings.list_name

    @property
    def sign_ups_open(self) -> bool:
        """Whether anybody may subscribe."""
        return are_sign_ups_open(self.settings)

    def now(self) -> datetime:
        """The one clock (aware, UTC)."""
        return self.app.now()

    def moment(self) -> Moment:
        """The present, as the use cases want it."""
        return Moment(self.now(), pinned=self.app.fixed_now is not None)

    def absolute(self, path: str, request: Request | None = None) -> str:
        """The whole address of one of our paths, for mail and feeds.

        As configured; without ``base_url`` as this request came, which is good enough on one's own machine.
        """
        if self.base_url is not None:
            return self.base_url + path
        return str(request.base_url).rstrip("/") + path if request is not None else path

    @cached_property
    def foresight(self) -> Foresight:
        """What shows the effect of a click, in bounded time."""
        return Foresight(self.app.database, self.previewer)

    @cached_property
    def previewer(self) -> Previewer:
        """What shows the effect of wishes."""
        return Previewer(self.app.composer())

    @cached_property
    def browser(self) -> Browser:
        """What looks up what is shown."""
        return Browser(self.app.database)

    @cached_property
    def feeds(self) -> FeedShelf:
        """What has feeds ready."""
        return FeedShelf(self.app.publisher().maker, self.browser)


def get_site(request: Request) -> Site:
    """The site that a request came to."""
    site = request.app.state.site
    assert isinstance(site, Site)  # noqa: S101 - made by make_web
    return site


SiteDep = Annotated[Site, Depends(get_site)]
