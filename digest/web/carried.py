"""Carried: papers of an uploaded file, kept in hidden fields until they are saved.

A browser forgets a chosen file whenever the page comes again; so what was read of it travels with the form.
It is whoever sends it who says what it is, as with everything typed: it is checked like that, and bounded.
"""

import base64
import binascii
import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO

from digest.pipeline.liked import MAX_ABSTRACT, MAX_PAPERS
from digest.pipeline.wishes import MAX_TITLE, ExamplePaper

__all__ = ["pack", "unpack"]

# Characters of one field, and bytes of one paper's line: in JSON a character has up to twelve.
PIECE = 200_000
MAX_LINE = 12 * (MAX_TITLE + MAX_ABSTRACT) + 100


def pack(papers: Sequence[ExamplePaper]) -> tuple[str, ...]:
    """The values of hidden fields that hold these papers; none for none."""
    if not papers:
        return ()
    rows = [[one["paper_id"], one["title"][:MAX_TITLE], one["abstract"][:MAX_ABSTRACT]] for one in papers]
    lines = "\n".join(map(json.dumps, rows)).encode()
    text = base64.b64encode(gzip.compress(lines, 6, mtime=0)).decode()
    return tuple(text[start : start + PIECE] for start in range(0, len(text), PIECE))


def unpack(fields: Sequence[str]) -> tuple[ExamplePaper, ...]:
    """The papers that such fields hold; none where they were tampered with."""
    if not any(fields):
        return ()
    try:
        packed = base64.b64decode("".join(fields), validate=True)
        return tuple(_papers(packed))
    except (binascii.Error, zlib.error, OSError, EOFError, ValueError, TypeError, RecursionError):
        return ()


def _papers(packed: bytes) -> Iterator[ExamplePaper]:
    """Paper by paper, up to the first that is none: a few kilobytes may unpack to gigabytes of anything."""
    with gzip.open(BytesIO(packed)) as lines:
        for _ in range(MAX_PAPERS):
            line = lines.readline(MAX_LINE)
            if not line:
                return
            paper_id, title, abstract = json.loads(line)
            is_text = isinstance(title, str) and isinstance(abstract, str)
            if not is_text or type(paper_id) not in (int, type(None)):
                raise ValueError("this was not packed here")
            yield ExamplePaper(paper_id=paper_id, title=title[:MAX_TITLE], abstract=abstract[:MAX_ABSTRACT])
