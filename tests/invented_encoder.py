"""An invented text model for tests: words as hashed vectors, where words that mean the same are one word.

What it knows is real (which words are synonyms), so that its effect on a ranking is one that is to be seen.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import numpy as np

from tests.ranking_cases import FIELDS

# Each word of a field has another word that says the same, and that no other paper has.
OTHER_WORDS = {word: word[::-1] + "um" for text in FIELDS.values() for word in text.split()}
SAME = {other: word for word, other in OTHER_WORDS.items()}


def in_other_words(text: str) -> str:
    """The same, said with none of the field's own words."""
    return " ".join(OTHER_WORDS.get(word, word) for word in text.split())


class InventedEncoder:
    """Knows ``same`` words. ``asked`` has all texts it was given, ``opened`` says how often it was loaded."""

    def __init__(self, name: str = "invented", size: int = 64, same: Mapping[str, str] = SAME) -> None:
        self.name, self.size, self.same = name, size, same
        self.asked: list[str] = []
        self.opened = 0

    def check(self) -> None:
        pass

    def open(self) -> None:
        self.opened += 1

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        rows = np.stack([self._row(text) for text in texts]) if texts else np.zeros((0, self.size))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def _row(self, text: str) -> np.ndarray:
        # All rows have much in common, as those of real models do.
        row = np.full(self.size, 2.0)
        for word in text.casefold().split():
            seed = blake2b(self.same.get(word, word).encode(), digest_size=4).digest()
            row += np.random.default_rng(int.from_bytes(seed)).standard_normal(self.size)
        return row
