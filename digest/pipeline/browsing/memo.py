"""A small store for what is costly to make and asked for again."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["Memo"]

Value = TypeVar("Value")


class Memo(Generic[Value]):
    """Keeps the values used last; safe for several threads, which may make the same value twice.

    ``measure`` gives the size of a value; without it each counts as one.
    """

    def __init__(self, room: int, measure: Callable[[Value], int] | None = None) -> None:
        self._room = room
        self._measure = measure or (lambda _value: 1)
        self._used = 0
        self._kept: OrderedDict[Hashable, Value] = OrderedDict()
        self._turn = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value under ``key``, made where it is not kept."""
        with self._turn:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        value = make()
        size = self._measure(value)
        if size > self._room:
            return value
        with self._turn:
            if key not in self._kept:
                self._kept[key] = value
                self._used += size
            while self._used > self._room:
                _, gone = self._kept.popitem(last=False)
                self._used -= self._measure(gone)
        return value
