"""Carried: papers of an uploaded file, kept in hidden fields until they are saved.

A browser forgets a chosen file whenever the page comes again; so what was read of it travels with the form.
It is whoever sends it who says what it is, as with everything typed: it is checked like that, and bounded.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Sequence

from digest.pipeline.liked import MAX_PAPERS
from digest.pipeline.wishes import ExamplePaper

__all__ = ["pack", "unpack"]

# Characters of one field, and bytes of all of them unpacked.
PIECE = 200_000
MAX_UNPACKED = 24 * 1024 * 1024


def pack(papers: Sequence[ExamplePaper]) -> tuple[str, ...]:
    """The values of hidden fields that hold these papers; none for none."""
    if not papers:
        return ()
    rows = [[one["paper_id"], one["title"], one["abstract"]] for one in papers]
    text = base64.b64encode(zlib.compress(json.dumps(rows).encode(), 6)).decode()
    return tuple(text[start : start + PIECE] for start in range(0, len(text), PIECE))


def unpack(fields: Sequence[str]) -> tuple[ExamplePaper, ...]:
    """The papers that such fields hold; none where they were tampered with."""
    if not any(fields):
        return ()
    try:
        opened = zlib.decompressobj()
        text = opened.decompress(base64.b64decode("".join(fields), validate=True), MAX_UNPACKED)
        rows = json.loads(text) if opened.eof else []
        return tuple(
            ExamplePaper(paper_id=paper_id, title=str(title), abstract=str(abstract))
            for paper_id, title, abstract in rows[:MAX_PAPERS]
        )
    except (binascii.Error, zlib.error, ValueError, TypeError, RecursionError):
        return ()
