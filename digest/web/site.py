"""What all routes share: the program, its addresses, and what is kept between requests."""

from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from digest.app import App
from digest.branding import Look
from digest.heartbeat import Heartbeat
from digest.mailer import Rate
from digest.metrics import Measure, WebMetrics
from digest.pipeline.browsing import Browser
from digest.pipeline.feeding import FeedShelf
from digest.pipeline.limiting import Limit
from digest.pipeline.measures import read_measures
from digest.pipeline.moment import Moment
from digest.pipeline.passwords import Door
from digest.pipeline.previewing import Previewer
from digest.pipeline.rate_ten import RateTen
from digest.pipeline.rating import Foresight
from digest.pipeline.readiness import Readiness
from digest.pipeline.signing_up import are_sign_ups_open
from digest.pipeline.usual_store import UsualStore
from digest.tokens import Keys

__all__ = ["Site", "SiteDep", "get_site"]

# How often strangers may be shown what their digest would be: it takes some tenths of a second each time.
PREVIEWS_PER_NETWORK = Rate(120, 60.0)


class Site:
    """One installation as the web sees it. Made once for a process; used by many threads."""

    def __init__(self, app: App, heartbeat: Heartbeat | None = None) -> None:
        self.app = app
        self.settings = app.settings
        self.base_url = app.settings.base_url
        parts = urlsplit(self.base_url or "")
        self.prefix = parts.path.rstrip("/")
        self.origin = f"{parts.scheme}://{parts.netloc}" if parts.netloc else None
        # All made now, while there is one thread, so that all who ask later share the same.
        _ = app.sign_up_limits
        app.secret_key()
        self.door = Door()
        self.browser = Browser(app.database, UsualStore(app.models_dir).newest)
        self.previewer = Previewer(app.composer())
        self.foresight = Foresight(app.database, self.previewer)
        self.rate_ten = RateTen(app.database, self.previewer, app.settings.window_days)
        self.feeds = FeedShelf(app.publisher().maker, self.browser)
        self.preview_limit = Limit(PREVIEWS_PER_NETWORK)
        self.metrics = WebMetrics(self._measure)
        self.readiness = Readiness(app.database, app.data_dir, heartbeat)
        self.trusted_proxies = tuple(filter(None, map(str.strip, app.settings.trusted_proxies.split(","))))

    def _measure(self) -> list[Measure]:
        return read_measures(self.app.database, self.settings, self.app.sources(), self.now())

    @property
    def secret(self) -> Keys:
        """The keys for signed links, as they count now: who rotates them need not stop the web."""
        return self.app.secret_key()

    @property
    def name(self) -> str:
        """What the digest is called."""
        return self.settings.list_name

    @property
    def look(self) -> Look:
        """How pages look."""
        return self.app.look

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


def get_site(request: Request) -> Site:
    """The site that a request came to."""
    site = request.app.state.site
    assert isinstance(site, Site)  # noqa: S101 - made by make_web
    return site


SiteDep = Annotated[Site, Depends(get_site)]
