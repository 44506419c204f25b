"""An optional view of papers: rows that a text model makes of them, given to the ranking as a value.

The ranking knows no text model. Whoever has one gives an :class:`Encoder`; everything works without. Rows of
such models have much in common, whatever the texts say, so the middle of the known papers is taken away::

    m = unit(r - middle)        r: the encoder's row of a paper; middle: the mean row of the background papers
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from digest.ranking.features import Text
from digest.ranking.linear import Floats, unit_rows
from digest.types import Candidate

__all__ = ["MOST_CHARACTERS", "Encoder", "View", "encode", "text_of", "view_of"]

# Text models read some hundred tokens and no more.
MOST_CHARACTERS: Final = 2_000
# So many papers at once go through the encoder.
BLOCK: Final = 512
# The mean of fewer rows is nothing that all papers have in common.
LEAST_FOR_MIDDLE: Final = 3


class Encoder(Protocol):
    """A text model: its name, the length of its rows, and what makes them.

    Equal names mean equal rows for equal texts. ``encode`` returns a float32 row of length 1 for each text,
    which does not depend on the other texts (but for the last digits, which is why rows are kept).
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def size(self) -> int: ...  # noqa: D102

    def encode(self, texts: Sequence[str]) -> Floats: ...  # noqa: D102


@dataclass(frozen=True, eq=False, slots=True)
class View:
    """What a model keeps of an encoder: its name, the middle, and rows of the background papers."""

    name: str
    middle: Floats
    background: NDArray[np.float16]

    @property
    def size(self) -> int:
        """The length of a row."""
        return len(self.middle)

    def rows(self, encoder: Encoder, papers: Sequence[Text]) -> Floats:
        """Return papers as rows of length 1 from the middle; 0 for a paper without text."""
        return _centred(encode(encoder, papers), self.middle)


def text_of(paper: Text) -> str:
    """Return what an encoder reads of a paper: title and abstract, cut."""
    text = f"{paper.title.strip()[:MOST_CHARACTERS]}\n{paper.abstract.strip()}".strip()
    return text[:MOST_CHARACTERS]


def encode(encoder: Encoder, papers: Sequence[Text]) -> Floats:
    """Return the encoder's rows of papers (papers × size), each of length 1; 0 for a paper without text."""
    found = np.zeros((len(papers), encoder.size), dtype=np.float32)
    texts = [text_of(one) for one in papers]
    having = [at for at, text in enumerate(texts) if text]
    for first in range(0, len(having), BLOCK):
        some = having[first : first + BLOCK]
        found[some] = encoder.encode([texts[at] for at in some])
    return found


def view_of(encoder: Encoder, ids: NDArray[np.int64], papers: Iterable[Candidate]) -> View:
    """Make the view of a model whose background papers have these ids; other papers are passed over.

    A background paper that does not come has no row, as one without text.
    """
    wanted = {paper_id: at for at, paper_id in enumerate(ids.tolist())}
    there = {at: one for one in papers if (at := wanted.get(one.paper_id)) is not None}
    places = sorted(there)
    rows = np.zeros((len(ids), encoder.size), dtype=np.float32)
    rows[places] = encode(encoder, [there[at] for at in places])
    filled = rows[rows.any(axis=1)]
    middle = np.zeros(encoder.size, dtype=np.float32)
    if len(filled) >= LEAST_FOR_MIDDLE:
        middle = filled.mean(axis=0, dtype=np.float64).astype(np.float32)
    return View(encoder.name, middle, _centred(rows, middle).astype(np.float16))


def _centred(rows: Floats, middle: Floats) -> Floats:
    found = unit_rows(rows - middle)
    found[~rows.any(axis=1)] = 0
    return found
