"""A sentence-embedding model that the operator has, as the ranking's encoder. It runs here, on the processor.

The package (extra ``embeddings``) is imported when a text is to be encoded that was not before, since that
takes seconds and some hundred megabytes. Nothing is downloaded: a name is that of a model which the operator
fetched before (docs/ranking.md).
"""

import os
from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from digest.errors import ConfigError
from digest.ranking.linear import Floats, unit_rows

__all__ = ["TextModel"]

PACKAGE: Final = "sentence_transformers"
BATCH: Final = 16
THREADS: Final = 2
# What the packages read when they are imported: no network, no threads beside those that are set, no bars.
SURROUNDINGS: Final = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TQDM_DISABLE": "1",
}


class TextModel:
    """The model of a folder, or of a name in the cache of Hugging Face. Safe for one thread at a time."""

    def __init__(self, setting: str) -> None:
        self.setting = setting
        path = Path(setting).expanduser() if setting.startswith("~") else Path(setting)
        is_path = path.is_absolute() or setting.startswith((".", "~")) or path.exists()
        self.folder = path if is_path else None

    @cached_property
    def name(self) -> str:
        """The setting; of a folder with a mark of its files, so that another model put there is another."""
        if self.folder is None or not _holds_a_model(self.folder):
            return self.setting
        found = blake2b(digest_size=8)
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                about = path.stat()
                found.update(
                    f"{path.relative_to(self.folder)}\n{about.st_size}\n{about.st_mtime_ns}\n".encode()
                )
        return f"{self.setting} {found.hexdigest()}"

    @property
    def size(self) -> int:
        """The length of a row. Raises ``ConfigError`` as :meth:`open` does."""
        return len(self._probe)

    def check(self) -> None:
        """Raise ``ConfigError`` where the package or the folder is missing. Cheap: imports nothing."""
        try:
            is_there = find_spec(PACKAGE) is not None
        except ValueError:  # set to nothing in sys.modules
            is_there = False
        if not is_there:
            raise ConfigError(
                [
                    f"embeddings is {self.setting}, but the package sentence-transformers is missing: "
                    f"install paper-digest[embeddings], or leave embeddings unset"
                ]
            )
        if self.folder is not None and not _holds_a_model(self.folder):
            raise ConfigError(
                [f"embeddings is {self.setting}, and no such folder holds a model: give its folder or name"]
            )

    def open(self) -> None:
        """Load the model. Raises ``ConfigError``, in one sentence, where that is not possible."""
        self.check()
        _ = self._probe

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return a row of length 1 for each text."""
        if not texts:
            return np.zeros((0, self.size), dtype=np.float32)
        found = self._model.encode(
            list(texts), batch_size=BATCH, show_progress_bar=False, convert_to_numpy=True
        )
        return unit_rows(np.nan_to_num(np.asarray(found, dtype=np.float32)))

    @cached_property
    def _probe(self) -> Floats:
        """A row, to see that the model makes any."""
        try:
            row: Floats = self.encode(["probe"])[0]
        except ConfigError:
            raise
        except Exception as error:
            raise self._unusable(error) from error
        return row

    @cached_property
    def _model(self) -> Any:
        self.check()
        for name, value in SURROUNDINGS.items():
            os.environ.setdefault(name, value)
        try:
            import_module("torch").set_num_threads(min(THREADS, os.cpu_count() or 1))
            make = import_module(PACKAGE).SentenceTransformer
            where = self.setting if self.folder is None else str(self.folder)
            return make(where, device="cpu", local_files_only=True, trust_remote_code=False)
        except Exception as error:  # whatever a package of this size raises: the operator needs one sentence
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> ConfigError:
        told = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        mend = "fetch it once, as docs/ranking.md says" if self.folder is None else "give a model's folder"
        return ConfigError([f"the text model {self.setting} (embeddings) cannot be loaded: {mend} ({told})"])


def _holds_a_model(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("modules.json", "config.json"))
