"""The cyclic garbage collector held back while much is made at once.

Each of its full passes walks all that the process holds, and they come the more often the more is made. What
a digest is made of has no cycles: it goes when nobody refers to it any more, without the collector.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["uncollected"]


@contextmanager
def uncollected() -> Iterator[None]:
    """Hold the collector back; it is left alone where it is off already."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
