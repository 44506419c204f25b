"""Text made comparable: the form titles and names are held against each other in."""

import hashlib
import re
import unicodedata
from typing import Final

from digest.text.cleaning import fold_marks

__all__ = ["fingerprint", "normalise"]

_NOT_A_WORD: Final = re.compile(r"[\W_]+")


def normalise(text: str) -> str:
    """Letters and digits of any script only: case folded, compatibility forms unfolded, accents gone."""
    if not text.isascii():
        folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", fold_marks(text)).casefold())
        text = "".join(letter for letter in folded if not unicodedata.category(letter).startswith("M"))
    return _NOT_A_WORD.sub(" ", text.casefold()).strip()


def fingerprint(title: str, abstract: str) -> str:
    """32 hex digits (BLAKE2b, 16 bytes) that are equal where title and abstract are, once normalised."""
    both = f"{normalise(title)}\0{normalise(abstract)}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(both, digest_size=16).hexdigest()
