"""What a click changes is looked at in bounded time, and never at the cost of the click."""

import threading
from typing import cast

from digest.pipeline.previewing import Previewer
from digest.pipeline.rating import Foresight, Kind, get_opinion, rate_and_look
from tests.test_web_rating import said, sent_paper
from tests.web_site import WebSite, demo_folder, site

__all__ = ["demo_folder", "site"]


class Stuck:
    """A previewer that never comes to an end."""

    def __init__(self) -> None:
        self.asked = 0
        self.end = threading.Event()

    def preview(self, *_: object, **__: object) -> object:
        self.asked += 1
        self.end.wait(20)
        raise RuntimeError("nobody waits for this")


def test_a_look_that_takes_too_long_is_left_out(site: WebSite) -> None:
    """The click is stored; nothing is queued for want of time."""
    stuck = Stuck()
    foresight = Foresight(site.app.database, cast(Previewer, stuck))
    paper, moment = sent_paper(site), site.web.site.moment()
    try:
        for _ in range(6):
            rated = rate_and_look(
                site.app.database, foresight, site.subscriber(), paper, Kind.MORE, moment, patience_s=0.05
            )
            assert rated is not None
            assert rated.change is None
        assert stuck.asked <= 2
    finally:
        stuck.end.set()
    assert set(said(site, paper)) == {"more"}


def test_a_click_counts_once(site: WebSite) -> None:
    paper, moment, reader = sent_paper(site), site.web.site.moment(), site.subscriber()
    for _ in range(3):
        rate_and_look(site.app.database, site.web.site.foresight, reader, paper, Kind.LESS, moment)
    assert set(said(site, paper)) == {"less"}
    opinion = get_opinion(site.app.database, reader, paper, moment.now)
    assert opinion is not None
    assert opinion.memory == f"less {moment.now.isoformat()}"
