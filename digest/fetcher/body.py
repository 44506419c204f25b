"""Reading a body within bounds: gzip and deflate, never more than the limit in memory."""

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO

from digest.errors import FetchError
from digest.fetcher.connection import LIBRARY_ERRORS, TransientFetchError
from digest.types import Verdict

PIECE_BYTES = 64 * 1024
MAX_MEMBERS = 100
GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WBITS = 16 + zlib.MAX_WBITS


def read_body(
    chunks: Iterable[bytes],
    encodings: str,
    *,
    max_bytes: int,
    tick: Callable[[], object] = lambda: None,
    cut: bool = False,
) -> bytes:
    """Join and decode a body of at most ``max_bytes`` decoded bytes.

    ``encodings`` is the Content-Encoding header: none, ``gzip`` or ``deflate`` (RFC 9110 8.4.1; raw
    deflate is understood too, since servers send it). ``tick`` is called for each piece and may raise
    when time is up. ``cut``: of a larger body the beginning is given. Raises ``FetchError``: broken for
    anything larger, encoded twice or otherwise, unreachable where the compressed data ends early.
    """
    # One buffer, and no list of pieces: two million pieces of two bytes each would be 130 MB.
    body = BytesIO()
    for piece in _pieces(chunks, encodings):
        tick()
        body.write(piece)
        if body.tell() > max_bytes:
            if cut:
                body.truncate(max_bytes)
                return body.getvalue()
            raise _broken(f"is larger than {max_bytes:,} bytes")
    whole = body.getvalue()
    if whole.startswith(GZIP_MAGIC):
        raise _broken("is compressed more than once, or without saying so")
    return whole


def read_evidence(
    chunks: Iterable[bytes], encodings: str, *, max_bytes: int, tick: Callable[[], object]
) -> bytes:
    """The beginning of a body, as far as it can be read and ``tick`` lets it. Never raises for the body."""
    body = BytesIO()
    try:
        for piece in _pieces(chunks, encodings):
            body.write(piece)
            if body.tell() >= max_bytes:
                break
            tick()
    except (FetchError, *LIBRARY_ERRORS):
        pass  # what is wrong with the answer is known already
    body.truncate(max_bytes)
    return body.getvalue()


def _pieces(chunks: Iterable[bytes], encodings: str) -> Iterator[bytes]:
    names = [name for item in encodings.split(",") if (name := item.strip().lower()) not in ("", "identity")]
    if len(names) > 1:
        raise _broken("is encoded more than once")
    return _decoded(chunks, names[0]) if names else iter(chunks)


def _broken(what: str) -> FetchError:
    return FetchError(f"the answer {what}", verdict=Verdict.BROKEN)


def _decoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    if encoding in ("gzip", "x-gzip"):
        return _inflated(chunks, lambda _: _GZIP_WBITS, members=MAX_MEMBERS)
    if encoding == "deflate":
        return _inflated(chunks, _deflate_wbits, members=1)
    # The name comes from the server and goes into a message.
    name = encoding if re.fullmatch(r"[a-z0-9-]{1,20}", encoding) else "something"
    raise _broken(f"is encoded as {name}, which was not asked for")


def _deflate_wbits(head: bytes) -> int:
    """Tell zlib from raw deflate by the two bytes a zlib stream begins with (RFC 1950, 2.2)."""
    is_zlib = head[0] & 0x0F == 8 and int.from_bytes(head, "big") % 31 == 0
    return zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS


def _inflated(chunks: Iterable[bytes], wbits: Callable[[bytes], int], *, members: int) -> Iterator[bytes]:
    """Inflate piece by piece. Empty pieces are passed on, so that the reader can look at the clock."""
    decoder = None
    pending = b""
    started = 0
    for chunk in chunks:
        pending += chunk
        while len(pending) >= (1 if decoder else 2):
            if decoder is None:
                if started and not pending.startswith(GZIP_MAGIC):
                    return  # padding after the last member
                started += 1
                if started > members:
                    raise _broken("has too many compressed parts")
                decoder = zlib.decompressobj(wbits(pending[:2]))
            piece, decoder, pending = _step(decoder, pending)
            yield piece
    while decoder is not None:  # all is read, but not all is given out yet
        piece, decoder, _ = _step(decoder, b"")
        if decoder is not None and not piece:
            break
        yield piece
    # An empty body is allowed to call itself compressed.
    if decoder is not None or (pending and not started):
        raise TransientFetchError("the compressed answer ends early")


def _step(decoder: "zlib._Decompress", pending: bytes) -> tuple[bytes, "zlib._Decompress | None", bytes]:
    """Inflate at most one piece; give it with what is left to do."""
    try:
        piece = decoder.decompress(pending, PIECE_BYTES)
    except zlib.error as error:
        raise _broken("is not compressed as it says") from error
    if decoder.eof:
        return piece, None, decoder.unused_data
    return piece, decoder, decoder.unconsumed_tail
