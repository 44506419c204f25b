"""The dead man's switch: a service elsewhere is pinged after each run, and tells when no ping comes any more.

The convention is healthchecks.io's, which its like keep too: a GET of the address says that all went well,
and of the address with ``/fail`` behind it that something did not (https://healthchecks.io/docs/http_api/).
"""

import logging
from collections.abc import Callable

from digest.errors import FetchError
from digest.fetcher import Fetcher
from digest.types import PageRequest

__all__ = ["ping"]

_log = logging.getLogger(__name__)

# The run is over by then, and nobody is to wait for this.
TIMEOUT_S = 10.0
MAX_BYTES = 64 * 1024


def ping(open_fetcher: Callable[[], Fetcher], url: str, *, ok: bool) -> None:
    """Ask for the address, which may be of this machine; that it does not answer is logged and no more.

    The address itself is a secret, so no log names it.
    """
    # An address that is made for programs: robots.txt has no say.
    request = PageRequest(url if ok else f"{url.rstrip('/')}/fail", documented=True)
    try:
        with open_fetcher() as fetcher:
            fetcher.get(request, allow_private=True, timeout_s=TIMEOUT_S, max_bytes=MAX_BYTES)
    except FetchError as error:
        if error.page is None or not 200 <= error.page.status < 300:  # some answer 204
            _log.warning("ping_url was not told how the run went: %s", error)
