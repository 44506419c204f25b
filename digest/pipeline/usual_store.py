"""Keeps what was learnt of how fast votes usually come, a file a day beside the ranking's models."""

import logging
import os
import tempfile
from datetime import datetime
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from sqlmodel import Session

from digest.ranking.habits import SPAN, fit_usual
from digest.ranking.usual import UsualGrowth
from digest.storage.histories import iter_histories

__all__ = ["UsualStore"]

_log = logging.getLogger(__name__)


class UsualStore:
    """``usual-<date>.npz``: of the last day that anything was composed for. Losing it loses nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def current(self, session: Session, now: datetime, *, keep: bool = True) -> UsualGrowth:
        """What was learnt up to that day, learnt now where nobody did (and kept if ``keep``)."""
        path = self.folder / f"usual-{now.date().isoformat()}.npz"
        found = _load(path)
        if found is None:
            found = fit_usual(iter_histories(session, since=now - SPAN, until=now), now)
            if keep:
                try:
                    self._keep(path, found)
                except OSError as error:
                    _log.warning("what was learnt of votes cannot be kept in %s: %s", self.folder, error)
        return found

    def newest(self) -> UsualGrowth | None:
        """What was learnt last, if it is kept."""
        paths = sorted(self.folder.glob("usual-*.npz"), reverse=True)
        return next((found for path in paths if (found := _load(path)) is not None), None)

    def _keep(self, path: Path, usual: UsualGrowth) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, allow_pickle=False, **usual.to_arrays())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        for old in self.folder.glob("usual-*.npz"):
            if old != path:
                old.unlink(missing_ok=True)


def _load(path: Path) -> UsualGrowth | None:
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                return None
            return UsualGrowth.from_arrays({name: archive[name] for name in archive.files})
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None  # not there, damaged or of another version: it is learnt again
