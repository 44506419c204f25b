"""What was learnt of an interest as bytes, to be kept until the interest or the model changes.

A state is a line of JSON (numbers, words, and of each array its type and shape) and the arrays after it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from hashlib import blake2b
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from digest.errors import StorageError
from digest.ranking.asking import Asked
from digest.ranking.disliking import Marks
from digest.ranking.learning import Given, Learned, Liked, Said
from digest.ranking.model import Model
from digest.ranking.people import People
from digest.ranking.words import Words
from digest.types import InterestSpec

__all__ = ["fingerprint", "pack", "unpack"]

FORMAT: Final = 3
Arrays = list[NDArray[Any]]


def fingerprint(interest: InterestSpec, model: Model) -> str:
    """Return a name of all that :func:`digest.ranking.learning.learn` learns from: 32 hexadecimal digits.

    The order of keywords and examples does not change it.
    """
    examples = sorted(
        (
            *(one.title, one.abstract, one.origin, one.weight, one.paper_id or 0),
            *(*one.keywords, "", *one.categories, "", *one.authors),
        )
        for one in interest.examples
    )
    told = (
        FORMAT,
        model.version,
        sorted(interest.keywords),
        sorted(interest.must_keywords),
        sorted(interest.weights.items()),
        examples,
    )
    return blake2b(repr(told).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def pack(learned: Learned) -> bytes:
    """Return a state as bytes; equal states give equal bytes."""
    arrays: Arrays = []
    tree = _told(learned, arrays)
    shapes = [[array.dtype.str, list(array.shape)] for array in arrays]
    head = json.dumps([FORMAT, tree, shapes], separators=(",", ":"))
    return b"".join([head.encode(), b"\n", *(np.ascontiguousarray(array).tobytes() for array in arrays)])


def _told(value: Any, arrays: Arrays) -> Any:
    """The value with each array replaced by its number."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if hasattr(value, "_asdict"):  # a named tuple
        value = value._asdict()
    elif is_dataclass(value):
        value = {one.name: getattr(value, one.name) for one in fields(value)}
    if isinstance(value, Mapping):
        return {name: _told(one, arrays) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_told(one, arrays) for one in value]
    return value


def unpack(state: bytes) -> Learned:
    """Read a state. Raises ``StorageError`` for bytes that are none, or one of another version."""
    try:
        head, _, rest = state.partition(b"\n")
        tree, shapes = _checked(json.loads(head))
        return _learned(_read(tree, _arrays(shapes, rest)))
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise StorageError(f"what was learnt of an interest cannot be read: {error}") from error


def _checked(head: Any) -> tuple[Any, Any]:
    version, tree, shapes = head
    if version != FORMAT:
        raise ValueError(f"format {version}")
    return tree, shapes


def _arrays(shapes: Sequence[tuple[str, Sequence[int]]], data: bytes) -> Arrays:
    found: Arrays = []
    at = 0
    for kind, shape in shapes:
        size = int(np.prod(shape)) * np.dtype(kind).itemsize
        found.append(np.frombuffer(data[at : at + size], dtype=kind).reshape(shape))
        at += size
    return found


def _read(tree: Any, arrays: Arrays) -> Any:
    if isinstance(tree, dict):
        if tree.keys() == {"array"}:
            return arrays[tree["array"]]
        return {name: _read(one, arrays) for name, one in tree.items()}
    if isinstance(tree, list):
        return [_read(one, arrays) for one in tree]
    return tree


def _words(tree: dict[str, Any]) -> Words:
    return Words(**tree | {"new": tuple((row, term, value) for row, term, value in tree["new"])})


def _learned(tree: dict[str, Any]) -> Learned:
    liked, asked, marks, people = tree["liked"], tree["asked"], tree["marks"], tree["people"]
    if liked is not None:
        liked = Liked(
            **liked
            | {
                "words": _words(liked["words"]),
                "said_words": _words(liked["said_words"]),
                "said": tuple(Said(*one.values()) for one in liked["said"]),
            }
        )
    if asked is not None:
        groups = tuple(tuple(group) for group in asked["groups"])
        query = _words(asked["query"])
        asked = Asked(**asked | {"query": query, "groups": groups, "terms": tuple(asked["terms"])})
    if marks is not None:
        marks = Marks(**marks | {"words": _words(marks["words"])})
    if people is not None:
        people = People(**people | {"names": tuple(people["names"])})
    return Learned(Given(**tree["given"]), liked, asked, marks, people)
