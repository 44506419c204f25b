"""Keeps the fitted ranking model in the data directory, and has it fitted again when it is outgrown.

A model is one file, ``ranking-<papers>-<likes>-<version>.npz``; the last two are kept, so that whoever
composes with one is not disturbed by the next. Losing them loses nothing but the time of a fit.
"""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from sqlmodel import Session

from digest.errors import StorageError
from digest.pipeline.vector_store import KeptEncoder
from digest.ranking import Model, fit, load_model, save_model, with_view
from digest.storage import likes as like_rows
from digest.storage import papers as paper_rows
from digest.storage.database import Database

__all__ = ["ModelStore", "RefitReport", "refit", "run"]

_log = logging.getLogger(__name__)

# How many times more (or fewer) papers, or likes, there may be than when the model was fitted.
GROWTH = 1.2
# So many likes more change nothing.
FEW_LIKES = 50
KEPT = 2
# With fewer papers a fit takes less time than starting a process does.
IN_CHILD = 2_000
PATIENCE_S = 1_800.0
# -P: what lies in the working folder is none of ours, unless it was before.
_MAIN = (
    "import sys; sys.path[:] = sys.argv[2:]; from digest.pipeline.model_store import run; run(sys.argv[1])"
)


class _Size(NamedTuple):
    papers: int
    likes: int

    @classmethod
    def of(cls, session: Session) -> "_Size":
        return cls(paper_rows.count_papers(session), like_rows.count_likes(session))

    @classmethod
    def told_by(cls, path: Path) -> "_Size | None":
        """The numbers in a model's name, if it is one."""
        parts = path.stem.split("-")
        if len(parts) != 4 or not (parts[1].isdigit() and parts[2].isdigit()):
            return None
        return cls(int(parts[1]), int(parts[2]))

    def suits(self, now: "_Size") -> bool:
        """Whether a model fitted on so many serves for as many as there are now."""
        return (
            self.papers <= now.papers <= self.papers * GROWTH
            and now.likes <= self.likes * GROWTH + FEW_LIKES
            and self.likes <= now.likes * GROWTH + FEW_LIKES
        )


@dataclass(frozen=True, slots=True)
class RefitReport:
    """What a fit took and gave; ``peak_mb`` is the most memory its process had."""

    papers: int
    likes: int
    seconds: float
    peak_mb: int
    version: str


class ModelStore:
    """The models of one data directory; safe for several threads of a process."""

    _loaded: dict[tuple[Path, KeptEncoder | None], Model] = {}  # noqa: RUF012 - shared by all stores of the process: a model is large
    _turn = threading.Lock()

    def __init__(
        self, folder: Path, database: Database | None = None, encoder: KeptEncoder | None = None
    ) -> None:
        """With ``database``, a large fit runs in a process of its own; ``encoder`` adds a view to models."""
        self.folder, self.database, self.encoder = folder, database, encoder

    def current(self, session: Session, *, keep: bool = True) -> Model:
        """The kept model where it still suits the stored papers, else a new one (kept if ``keep``).

        Where nothing is to be kept, an outgrown model is better than a fit. It has no view where the encoder
        cannot be loaded, which is logged.
        """
        if self.encoder is not None and not self.encoder.is_ready(load=keep):
            self.encoder = None
        now = _Size.of(session)
        with self._turn:
            for path in self._paths():
                size = _Size.told_by(path)
                if size is not None and (size.suits(now) or (not keep and size.papers)):
                    model = self._load(path)
                    if model is not None:
                        return self._viewed(session, model, size, path, keep=keep)
            model = self._fitted(session, now, keep=keep)
            return self._viewed(session, model, now, None, keep=keep)

    def _viewed(self, session: Session, model: Model, size: _Size, path: Path | None, *, keep: bool) -> Model:
        """The model with what the encoder makes of its background papers, kept if ``keep``."""
        if self.encoder is None or model.encoder is not None:
            return model
        ids = model.fitted.background_ids.tolist()
        model = with_view(model, self.encoder, paper_rows.iter_papers(session, ids))
        if keep:
            self._keep(model, size)
        elif path is not None:
            self._loaded[path, self.encoder] = model
        return model

    def newest(self) -> Path | None:
        """The file of the newest model, if there is one."""
        return next(iter(self._paths()), None)

    def is_behind(self, session: Session) -> bool:
        """Whether there is a model, and papers or likes that it was not fitted on."""
        path = self.newest()
        return path is not None and _Size.told_by(path) != _Size.of(session)

    def _paths(self) -> list[Path]:
        """The kept models, the newest first."""
        found = [(path.stat().st_mtime_ns, path.name, path) for path in self.folder.glob("ranking-*.npz")]
        return [path for _, _, path in sorted(found, reverse=True)]

    def _load(self, path: Path) -> Model | None:
        key = path, self.encoder
        if key not in self._loaded:
            try:
                model = load_model(path, self.encoder)
            except (OSError, StorageError):
                return None  # damaged or of another version: it is fitted again
            self._loaded.clear()
            self._loaded[key] = model
        return self._loaded[key]

    def _fitted(self, session: Session, now: _Size, *, keep: bool) -> Model:
        if keep and self.database is not None and now.papers >= IN_CHILD:
            try:
                refit(self.database, self.folder)
                path = self.newest()
                if path is not None and (model := self._load(path)) is not None:
                    return model
            except (OSError, StorageError) as error:
                _log.warning("the ranking model is fitted in this process: %s", error)
        model = fit(paper_rows.iter_papers(session), like_rows.iter_likes(session))
        if keep and self.encoder is None:  # else it is kept with the view
            self._keep(model, now)
        return model

    def _keep(self, model: Model, size: _Size) -> None:
        try:
            self.keep(model, size.papers, size.likes)
        except (OSError, StorageError) as error:
            # A model that cannot be kept costs a fit each time, and no digest.
            _log.warning("the model cannot be kept in %s: %s", self.folder, error)

    def keep(self, model: Model, papers: int, likes: int) -> Path:
        """Store a model fitted on so many papers and likes, and drop the oldest. Raises ``OSError``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        target = self.folder / f"ranking-{papers}-{likes}-{model.version}.npz"
        save_model(model, target)
        for old in [*self._paths()[KEPT:], *self.folder.glob("terms-*.npz")]:
            old.unlink(missing_ok=True)
        return target


def refit(
    database: Database,
    folder: Path,
    encoder: KeptEncoder | None = None,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> RefitReport:
    """Fit the model anew, whether it is outgrown or not, in a process of its own: so the memory that a fit
    takes is given back when it ends. What the ``encoder`` makes of it is added here.

    Raises ``StorageError`` where that fails; the model that was there stays. Raises ``ConfigError`` for an
    encoder that cannot be loaded.
    """
    if encoder is not None:
        encoder.open()
    report = _refit(database, folder)
    if encoder is None:
        return report
    progress("encoding papers")
    with database.read() as session:
        model = ModelStore(folder, encoder=encoder).current(session)
    encoder.save()
    return replace(report, version=model.version)


def _refit(database: Database, folder: Path) -> RefitReport:
    url = database.url.render_as_string(hide_password=False)
    theirs, ours = os.pipe()
    try:
        # Open for as long as we live, however that ends: by it the child sees that nobody waits for it.
        with os.fdopen(theirs, "rb") as stdin, os.fdopen(ours, "wb", buffering=0) as alive:
            alive.write(json.dumps({"url": url}).encode() + b"\n")
            done = subprocess.run(  # noqa: S603 - ourselves
                [sys.executable, "-P", "-c", _MAIN, str(folder), *sys.path],
                stdin=stdin,
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
    except subprocess.TimeoutExpired as error:
        raise StorageError(
            f"fitting the ranking model took more than {PATIENCE_S / 60:.0f} minutes"
        ) from error
    try:
        return RefitReport(**json.loads(done.stdout.splitlines()[-1]))
    except (IndexError, ValueError, TypeError) as error:
        told = done.stderr.strip().splitlines()[-1:] or [f"it ended with {done.returncode}"]
        raise StorageError(f"the ranking model was not fitted: {told[0]}") from error


def run(folder: str) -> None:
    """Be the child: fit a model of the database named on standard input, and tell what came of it.

    Where standard input ends before that, the parent is gone and so is the child.
    """
    import resource

    database = Database(json.loads(sys.stdin.readline())["url"])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    store, began = ModelStore(Path(folder)), time.monotonic()
    with database.read() as session:
        size = _Size.of(session)
        model = fit(paper_rows.iter_papers(session), like_rows.iter_likes(session))
    store.keep(model, size.papers, size.likes)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    report = {
        "papers": size.papers,
        "likes": size.likes,
        "seconds": round(time.monotonic() - began, 2),
        "peak_mb": peak,
        "version": model.version,
    }
    print(json.dumps(report))  # noqa: T201 - it is read by the parent


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing more comes: it returns at the end only
    os._exit(1)
