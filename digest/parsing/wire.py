"""How parent and child talk: frames of bytes, and a ``ParsedPage`` as JSON.

A request is two lengths (unsigned, 4 bytes each, network order), then a pickle of what is to be done and
the page's bytes. An answer is one length and as much JSON, UTF-8 in which lone surrogates stand as they
are. JSON knows no dates and no tuples, so a value is read by what the types say should stand there.
"""

import base64
import json
import struct
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from digest.types import ParsedPage

__all__ = [
    "ANSWER",
    "FAILED",
    "MAX_ANSWER",
    "MEMORY",
    "PAGE",
    "READY",
    "REFUSED",
    "REQUEST",
    "dump_answer",
    "load_answer",
    "read_page",
]

REQUEST = struct.Struct("!II")
ANSWER = struct.Struct("!I")
# The entries of a page are shorter than the page; more than this is no page but an attack on the parent.
MAX_ANSWER = 64 * 2**20
# What an answer may hold: nothing (but that pages may come), a page, the message of a ``ParseError``, a fault
# as [what, traceback], that memory was short.
READY, PAGE, REFUSED, FAILED, MEMORY = "ready", "page", "refused", "failed", "memory"

Reader = Callable[[Any], Any]


def dump_answer(answer: Mapping[str, object]) -> bytes:
    """An answer's JSON; dataclasses become objects that leave out what has its default."""
    text = json.dumps(answer, ensure_ascii=False, default=_plain, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def load_answer(frame: bytes) -> dict[str, Any]:
    """The object that an answer holds. Raises ``ValueError`` for anything else."""
    try:
        answer = json.loads(frame.decode("utf-8", "surrogatepass"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(answer, dict):
        raise ValueError("no object")  # noqa: TRY004 - one error for all that is wrong with it
    return answer


def read_page(value: object) -> ParsedPage:
    """The page that was dumped. Raises ``ValueError`` where a value is not of its field's type."""
    page = _reader(ParsedPage)(value)
    assert isinstance(page, ParsedPage)  # noqa: S101 - what the reader of ParsedPage makes
    return page


def _plain(value: Any) -> object:
    kind: Any = type(value)
    if is_dataclass(value):
        told = ((name, getattr(value, name), default) for name, default in _defaults(kind))
        return {name: one for name, one, default in told if one is not default and one != default}
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    raise TypeError(f"a {kind.__name__} has no place on a page")


@cache
def _defaults(kind: Any) -> tuple[tuple[str, object], ...]:
    """The fields of a dataclass with their defaults; no value equals that of one that has none."""
    return tuple((field.name, field.default) for field in fields(kind))


@cache
def _reader(hint: Any) -> Reader:
    """What turns JSON into a value of the type, made once per type."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        (kept,) = (one for one in inner if one is not types.NoneType)
        read = _reader(kept)
        return lambda value: None if value is None else read(value)
    if origin is tuple:
        return _tuple_reader(inner)
    if origin is Literal:
        return lambda value: _checked(value, value in inner)
    if is_dataclass(hint):
        return _dataclass_reader(hint)
    return _SCALARS[hint]


def _tuple_reader(inner: tuple[Any, ...]) -> Reader:
    if inner[-1] is Ellipsis:
        read = _reader(inner[0])
        return lambda value: tuple(map(read, _list(value)))
    readers = tuple(map(_reader, inner))
    return lambda value: tuple(read(one) for read, one in zip(readers, _list(value), strict=True))


def _dataclass_reader(hint: Any) -> Reader:
    hints = get_type_hints(hint)
    readers = {field.name: _reader(hints[field.name]) for field in fields(hint)}

    def read(value: Any) -> Any:
        _checked(value, isinstance(value, dict) and value.keys() <= readers.keys())
        try:
            return hint(**{name: readers[name](one) for name, one in value.items()})
        except TypeError as error:  # a field without a default is missing
            raise ValueError(f"{hint.__name__}: {error}") from error

    return read


def _list(value: Any) -> list[Any]:
    _checked(value, isinstance(value, list))
    return value  # type: ignore[no-any-return]


def _exactly(kind: type) -> Reader:
    # Not isinstance: a bool is no count.
    return lambda value: _checked(value, type(value) is kind)


def _checked(value: Any, is_right: bool) -> Any:
    if not is_right:
        raise ValueError(f"a {type(value).__name__} where none should be")
    return value


def _number(value: Any) -> float:
    return float(_checked(value, type(value) in (int, float)))


_SCALARS: dict[Any, Reader] = {
    str: _exactly(str),
    int: _exactly(int),
    bool: _exactly(bool),
    float: _number,
    date: lambda value: date.fromisoformat(_checked(value, type(value) is str)),
    bytes: lambda value: base64.b64decode(_checked(value, type(value) is str), validate=True),
}
