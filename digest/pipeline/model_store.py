"""Keeps the fitted text model in the data directory and fits it again when the papers have outgrown it."""

import logging
from pathlib import Path

from sqlmodel import Session

from digest.errors import StorageError
from digest.ranking import Model, fit
from digest.storage import papers as paper_rows

_log = logging.getLogger(__name__)

# How many times more (or fewer) papers there may be than when the model was fitted.
GROWTH = 1.2


class ModelStore:
    """One file, ``terms-<number of papers>.npz``. Losing it loses nothing but the time of a fit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def current(self, session: Session, *, keep: bool = True) -> Model:
        """The kept model where it still suits the stored papers, else a new one (kept if ``keep``)."""
        papers = paper_rows.count_papers(session)
        for path in sorted(self.folder.glob("terms-*.npz")):
            if fits(path, papers) and (model := _load(path)) is not None:
                return model
        model = fit(paper_rows.iter_texts(session))
        if keep:
            try:
                self._replace(model, papers)
            except (OSError, StorageError) as error:
                # A model that cannot be kept costs a fit each time, and no digest.
                _log.warning("the model cannot be kept in %s: %s", self.folder, error)
        return model

    def _replace(self, model: Model, papers: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        target = self.folder / f"terms-{papers}.npz"
        model.save(target)
        for old in self.folder.glob("terms-*.npz"):
            if old != target:
                old.unlink(missing_ok=True)


def fits(path: Path, papers: int) -> bool:
    """Whether a model of that name was fitted on about as many papers as there are."""
    number = path.stem.removeprefix("terms-")
    return number.isdigit() and int(number) <= papers <= int(number) * GROWTH


def _load(path: Path) -> Model | None:
    try:
        return Model.load(path)
    except (OSError, ValueError, KeyError, EOFError, StorageError):
        return None  # damaged or of another version: it is fitted again
