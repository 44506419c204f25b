"""Answers that are kept: what is the same for everybody who has no session is made once, and packed once."""

import gzip
import threading
from collections.abc import Callable, Hashable
from typing import Any
from weakref import WeakKeyDictionary

from fastapi import Request
from fastapi.responses import Response

from digest.pipeline.browsing.memo import Memo
from digest.translation import language
from digest.web.pages import HTML, PUBLIC_STEP_S, public_page, show, with_etag
from digest.web.session import read_session
from digest.web.site import Site, get_site

__all__ = ["GZIP_LEVEL", "kept", "show_kept"]

# Bytes of all kept answers of a site together, packed and unpacked.
ROOM = 48 * 1024 * 1024
GZIP_LEVEL = 6
MAX_AGE_S = 60
# How many answers may be made at a time under different keys.
TURNS = 16

Key = tuple[Hashable, ...]


class _Answers:
    """The answers of one site. Who asks for one that is being made waits for it."""

    def __init__(self) -> None:
        self._memo: Memo[bytes] = Memo(ROOM, len)
        self._turns = [threading.RLock() for _ in range(TURNS)]

    def get(self, key: Key, make: Callable[[], bytes]) -> bytes:
        with self._turns[hash(key) % TURNS]:
            return self._memo.get(key, make)


_sites: WeakKeyDictionary[Site, _Answers] = WeakKeyDictionary()
_turn = threading.Lock()


def kept(site: Site, key: Key, make: Callable[[], bytes]) -> bytes:
    """What ``make`` gave for this key, while it is kept; it is made again once it is not.

    The key has to hold all that the bytes depend on: begin it with the name of who asks, and put
    ``site.browser.stamp()`` into it where stored papers show.
    """
    with _turn:
        answers = _sites.setdefault(site, _Answers())
    return answers.get(key, make)


def show_kept(request: Request, template: str, key: Key, values: Callable[[], dict[str, Any]]) -> Response:
    """A page of stored papers: kept for visitors, made anew for who has a session.

    ``key`` holds what the page shows; the state of the papers and the hour are added. ``values`` are the
    template's, asked for only where the page has to be made.
    """
    if read_session(request) is not None:
        return show(request, template, **values())
    site = get_site(request)
    hour = int(site.now().timestamp()) // PUBLIC_STEP_S
    key = (template, language(), *key, site.browser.stamp(), hour)
    body = kept(site, key, lambda: public_page(request, template, **values()))
    answer = with_etag(request, body, HTML, max_age_s=MAX_AGE_S)
    answer.headers["Vary"] = "Cookie, Accept-Language, Accept-Encoding"
    if answer.status_code != 200 or "gzip" not in request.headers.get("accept-encoding", ""):
        return answer
    packed = kept(site, (*key, "gzip"), lambda: gzip.compress(body, GZIP_LEVEL, mtime=0))
    headers = {name: answer.headers[name] for name in ("ETag", "Cache-Control", "Vary")}
    return Response(packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=HTML)
