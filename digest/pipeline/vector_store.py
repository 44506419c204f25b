"""Keeps what a text model made of each text, so that a morning encodes only the new papers.

One file, ``vectors-<mark of the model's name>.npz`` beside the ranking's models: bounded, and losing it loses
nothing but the time of encoding. Rows are rounded to half precision before they are used, so that it makes no
difference whether they were kept.
"""

import logging
import os
import tempfile
import threading
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final, Protocol
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from digest.errors import ConfigError
from digest.ranking.encoding import Encoder
from digest.ranking.linear import Floats

__all__ = ["KeptEncoder", "Loadable"]

_log = logging.getLogger(__name__)

FORMAT: Final = 1
# Texts kept: with rows of 768 numbers some 80 MB. Those that were not asked for the longest go first.
MOST: Final = 50_000
# So many new ones are written at once; fewer wait until :meth:`KeptEncoder.save`.
MANY: Final = 100

Rows = dict[int, NDArray[np.float16]]


class Loadable(Encoder, Protocol):
    """An encoder that has to be loaded first, and may not be there."""

    def check(self) -> None: ...  # noqa: D102

    def open(self) -> None: ...  # noqa: D102


class KeptEncoder:
    """An encoder that encodes each text once. Safe for several threads.

    Without a ``folder`` it remembers, and keeps nothing.
    """

    def __init__(self, inner: Loadable, folder: Path | None, *, most: int = MOST) -> None:
        self._inner, self._most = inner, most
        mark = blake2b(inner.name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        self.path = None if folder is None else folder / f"vectors-{mark}.npz"
        self._rows: Rows = {}
        self._used: dict[int, int] = {}  # by text: the number of the last saving before it was asked for
        self._turn_number = 0
        self._new = 0
        self._size: int | None = None
        self._stamp: tuple[int, int] | None = None
        self._fault: str | None = None
        self._turn = threading.RLock()

    @property
    def name(self) -> str:
        """The encoder's."""
        return self._inner.name

    @property
    def size(self) -> int:
        """The length of a row: as kept, so that the encoder need not be loaded for it."""
        with self._turn:
            self._read()
            if self._size is None:
                self._size = self._inner.size
            return self._size

    def check(self) -> None:
        """Raise ``ConfigError`` where it cannot be loaded, as far as that can be told without doing it."""
        self._inner.check()

    def open(self) -> None:
        """Load it. Raises ``ConfigError`` where that is not possible."""
        with self._turn:
            self._inner.open()
            self._read()
            if self._size != self._inner.size:  # what is kept is of another model
                self._rows, self._used, self._size = {}, {}, self._inner.size

    def is_ready(self, *, load: bool) -> bool:
        """Whether it can be used; where not, that is logged once, and no more tried.

        ``load``: by loading it, as is done where it never made anything; else as far as can be told without.
        """
        with self._turn:
            if self._fault is None:
                self._read()
                try:
                    self.open() if load or not self._rows else self.check()
                except ConfigError as error:
                    self._fault = str(error)
                    _log.warning("papers are ranked without the text model: %s", error)
            return self._fault is None

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return a row for each text; those that are not kept are encoded."""
        keys = [_key(text) for text in texts]
        with self._turn:
            size = self.size
            missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._rows}
            if missing:
                for key, row in zip(missing, self._inner.encode(list(missing.values())), strict=True):
                    self._rows[key] = row.astype(np.float16)
                self._new += len(missing)
            self._used |= dict.fromkeys(keys, self._turn_number)
            found = np.zeros((len(keys), size), dtype=np.float32)
            for at, key in enumerate(keys):
                found[at] = self._rows[key]
            self._prune()
            if self._new >= MANY:
                self.save()
        return found

    def save(self) -> None:
        """Write what is new, with what others wrote meanwhile; what cannot be written is encoded again."""
        with self._turn:
            if self.path is None or not self._new:
                return
            try:
                self._read()
                self._prune()
                self._write(self.path)
            except OSError as error:
                _log.warning("what the text model made cannot be kept in %s: %s", self.path.parent, error)

    def _prune(self) -> None:
        if len(self._rows) > self._most:
            order = sorted(self._rows, key=lambda key: (-self._used.get(key, 0), key))
            for key in order[self._most :]:
                del self._rows[key]
                self._used.pop(key, None)

    def _write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._turn_number += 1
        keys = sorted(self._rows)
        arrays = {
            "format": np.array([FORMAT, self._turn_number], dtype=np.int64),
            "name": np.frombuffer(self.name.encode("utf-8", "surrogatepass"), dtype=np.uint8),
            "keys": np.array(keys, dtype=np.int64),
            "used": np.array([self._used.get(key, 0) for key in keys], dtype=np.int64),
            "rows": np.stack([self._rows[key] for key in keys]),
        }
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, allow_pickle=False, **arrays)  # type: ignore[arg-type]
            Path(part).replace(path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
        self._new, self._stamp = 0, _stamp(path)
        for old in path.parent.glob("vectors-*.npz"):
            if old != path:
                old.unlink(missing_ok=True)

    def _read(self) -> None:
        """Take up what is kept, if it is not what was read or written here last."""
        if self.path is None or (stamp := _stamp(self.path)) in (None, self._stamp):
            return
        self._stamp = stamp
        try:
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                version, number = archive["format"].tolist()
                name = archive["name"].tobytes().decode("utf-8", "surrogatepass")
                keys, used, rows = (archive[each] for each in ("keys", "used", "rows"))
            fits = version == FORMAT and name == self.name and len(keys) == len(used) == len(rows)
            if not fits or rows.dtype != np.float16 or self._size not in (None, rows.shape[1]):
                return  # of another version or model: it is written anew
        except (OSError, ValueError, KeyError, IndexError, EOFError, BadZipFile, AttributeError):
            return  # damaged: the texts are encoded again
        self._size, self._turn_number = int(rows.shape[1]), max(int(number), self._turn_number)
        for key, last, row in zip(keys.tolist(), used.tolist(), rows, strict=True):
            self._rows.setdefault(key, row)
            self._used[key] = max(last, self._used.get(key, 0))


def _key(text: str) -> int:
    found = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(found.digest(), signed=True)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_ino
