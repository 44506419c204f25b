"""One request of a chain, and what a redirect makes of it. Pure; credentials are dropped here."""

from dataclasses import dataclass, replace

from digest.errors import FetchError
from digest.fetcher.connection import Answer
from digest.netguard import Target, join_target, parse_target
from digest.types import PageRequest, Verdict

__all__ = [
    "MAX_REDIRECTS",
    "PERMANENT",
    "REDIRECTS",
    "Hop",
    "broken",
    "first_hop",
    "redirected",
    "robots_hop",
]

MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PERMANENT = frozenset({301, 308})
# Ours to say, whatever a source asks for.
_OWN_HEADERS = frozenset(
    (
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "te",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    )
)
# All else that a source sends may be a credential, and stays with its origin.
_HARMLESS_HEADERS = frozenset({"accept", "accept-language"})


@dataclass(frozen=True, slots=True)
class Hop:
    """One request of a chain. ``headers`` are the source's; ``allow_private`` and ``documented`` hold for
    this target.
    """

    target: Target
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    validators: tuple[tuple[str, str], ...] = ()
    allow_private: bool = False
    documented: bool = False
    turn: str = ""
    spacing_s: float = 0.0

    def all_headers(self, user_agent: str) -> list[tuple[str, str]]:
        """What is sent: our own headers, the source's, the validators."""
        headers = [
            ("host", self.target.netloc),
            ("user-agent", user_agent),
            ("accept-encoding", "gzip, deflate"),
            ("connection", "close"),
            *self.headers,
            *self.validators,
        ]
        if not any(name == "accept" for name, _ in headers):
            headers.append(("accept", "*/*"))
        if self.body is not None:
            headers.append(("content-length", str(len(self.body))))
        return headers


def first_hop(
    request: PageRequest, *, etag: str | None, last_modified: str | None, allow_private: bool
) -> Hop:
    """The request as a source made it. Raises ``FetchError`` (broken) for an address that is refused."""
    pairs = (("if-none-match", etag), ("if-modified-since", last_modified))
    return Hop(
        target=parse_target(request.url),
        method=request.method,
        headers=tuple((n.lower(), v) for n, v in request.headers if n.lower() not in _OWN_HEADERS),
        body=request.body,
        validators=tuple((n, v) for n, v in pairs if v) if request.method == "GET" else (),
        allow_private=allow_private,
        documented=request.documented,
        turn=request.turn,
        spacing_s=request.spacing_s,
    )


def robots_hop(hop: Hop) -> Hop:
    """The request for the robots.txt that governs a hop: in its turn, with nothing of the source's."""
    return Hop(
        target=replace(hop.target, path="/robots.txt"),
        allow_private=hop.allow_private,
        documented=True,
        turn=hop.turn,
        spacing_s=hop.spacing_s,
    )


def redirected(hop: Hop, answer: Answer) -> Hop:
    """The next request of a chain, without what belongs to the last one's origin.

    Raises ``FetchError`` (broken) where we do not follow. POST becomes GET as in browsers (RFC 9110 15.4).
    """
    location = _utf8(answer.header("location"))
    if not location:
        raise broken(f"{hop.target.host} redirects without saying where to")
    try:
        target = join_target(hop.target, location)
    except FetchError as error:
        raise broken(f"{hop.target.host} redirects to where we do not go: {error}") from error
    if hop.target.scheme == "https" and target.scheme == "http":
        raise broken(f"{hop.target.host} redirects from https to http")
    if answer.status == 303 or (answer.status in (301, 302) and hop.method == "POST"):
        hop = replace(
            hop,
            method="GET",
            body=None,
            headers=tuple(pair for pair in hop.headers if not pair[0].startswith("content-")),
        )
    if target.origin == hop.target.origin:
        return replace(hop, target=target)
    if hop.body is not None:
        raise broken(f"{hop.target.host} redirects what was sent to another site")
    return replace(
        hop,
        target=target,
        headers=tuple(pair for pair in hop.headers if pair[0] in _HARMLESS_HEADERS),
        allow_private=hop.allow_private and _is_upgrade(hop.target, target),
        documented=hop.documented and target.host == hop.target.host,
    )


def broken(what: str) -> FetchError:
    """The error for an answer that is no page."""
    return FetchError(what, verdict=Verdict.BROKEN)


def _utf8(value: str) -> str:
    """A header value as browsers read addresses there: UTF-8 if it is that."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return value


def _is_upgrade(old: Target, new: Target) -> bool:
    """Whether the redirect only turns http into https on the same host and the usual ports."""
    return old.origin == ("http", new.host, 80) and new.origin == ("https", old.host, 443)
