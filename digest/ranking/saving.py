"""A model as a file: arrays in one archive, without pickles; equal models give equal bytes."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import scipy.sparse as sp

from digest.errors import StorageError
from digest.ranking.encoding import Encoder, View
from digest.ranking.model import Fitted, Model, Shared

__all__ = ["load_model", "save_model", "version_of"]

FORMAT = 4


def version_of(fitted: Fitted) -> str:
    """Return a name of a model's content: 16 hexadecimal digits."""
    found = blake2b(digest_size=8)
    for name, array in sorted(_arrays(fitted).items()):
        found.update(name.encode())
        found.update(np.ascontiguousarray(array).view(np.uint8).data if array.size else b"")
    return found.hexdigest()


def save_model(model: Model, path: Path | str) -> None:
    """Write a model to ``path``, whole or not at all."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, allow_pickle=False, **_arrays(model.fitted))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def load_model(path: Path | str, encoder: Encoder | None = None) -> Model:
    """Read a saved model; what a text model made of the papers only where that is the ``encoder``.

    Raises ``FileNotFoundError`` where there is none and :class:`StorageError` for a file that is no model or
    one of another version; both mean: fit again.
    """
    try:
        with Path(path).open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            # A lone array is no archive, and has none of the names.
            files = archive.files if isinstance(archive, np.lib.npyio.NpzFile) else ()
            fitted = _fitted({name: archive[name] for name in files})
        if fitted.view is not None and (encoder is None or encoder.name != fitted.view.name):
            fitted = replace(fitted, view=None)
        return Model(fitted, version_of(fitted), None if fitted.view is None else encoder)
    except (ValueError, KeyError, IndexError, EOFError, BadZipFile, UnicodeDecodeError) as error:
        raise StorageError(f"the ranking model in {path} cannot be read: {error}") from error


def _arrays(fitted: Fitted) -> dict[str, Any]:
    words = "\n".join(fitted.terms).encode("utf-8", "surrogatepass")
    found = {
        "format": np.array([FORMAT, fitted.texts], dtype=np.int64),
        "terms": np.frombuffer(words, dtype=np.uint8),
        "frequency": fitted.frequency,
        "columns": fitted.columns,
        "basis": fitted.basis,
        "vectors": fitted.vectors,
        "energy": fitted.energy,
        "rest": fitted.rest,
        "floor": np.array([fitted.floor]),
        "background_ids": fitted.background_ids,
        "names": fitted.names,
        "name_counts": fitted.name_counts,
        **_told("background", fitted.background),
    }
    if fitted.shared is not None:
        found |= {
            "shared_ids": fitted.shared.ids,
            "shared_topics": fitted.shared.topics,
            "shared_factors": fitted.shared.factors,
            "shared_share": np.array([fitted.shared.share]),
            "shared_background": fitted.shared.background,
            **_told("shared", fitted.shared.words),
        }
    if fitted.view is not None:
        name = fitted.view.name.encode("utf-8", "surrogatepass")
        found |= {
            "view_name": np.frombuffer(name, dtype=np.uint8),
            "view_middle": fitted.view.middle,
            "view_background": fitted.view.background,
        }
    return found


def _told(name: str, rows: sp.csr_array) -> dict[str, Any]:
    return {
        f"{name}_ends": rows.indptr.astype(np.int32),
        f"{name}_indices": rows.indices.astype(np.int32),
        f"{name}_values": rows.data.astype(np.float32),
    }


def _rows(name: str, arrays: Mapping[str, Any], columns: int) -> sp.csr_array:
    ends = arrays[f"{name}_ends"]
    parts = (arrays[f"{name}_values"], arrays[f"{name}_indices"], ends)
    rows = sp.csr_array(parts, shape=(len(ends) - 1, columns))
    rows.check_format(full_check=True)
    return rows


def _fitted(arrays: Mapping[str, Any]) -> Fitted:
    version, texts = (int(number) for number in arrays["format"])
    if version != FORMAT:
        raise ValueError(f"it has format {version}, not {FORMAT}")
    words = arrays["terms"].tobytes().decode("utf-8", "surrogatepass")
    terms = {term: column for column, term in enumerate(words.split("\n") if words else ())}
    shared = None
    if "shared_ids" in arrays:
        shared = Shared(
            ids=arrays["shared_ids"],
            words=_rows("shared", arrays, len(terms)),
            topics=arrays["shared_topics"],
            factors=arrays["shared_factors"],
            share=float(arrays["shared_share"][0]),
            background=arrays["shared_background"],
        )
    view = None
    if "view_name" in arrays:
        view = View(
            name=arrays["view_name"].tobytes().decode("utf-8", "surrogatepass"),
            middle=arrays["view_middle"],
            background=arrays["view_background"],
        )
    found = Fitted(
        terms=terms,
        frequency=arrays["frequency"],
        texts=texts,
        columns=arrays["columns"],
        basis=arrays["basis"],
        vectors=arrays["vectors"],
        energy=arrays["energy"],
        rest=arrays["rest"],
        floor=float(arrays["floor"][0]),
        background=_rows("background", arrays, len(terms)),
        background_ids=arrays["background_ids"],
        names=arrays["names"],
        name_counts=arrays["name_counts"],
        shared=shared,
        view=view,
    )
    _check(found)
    return found


def _check(fitted: Fitted) -> None:
    n, columns = len(fitted.terms), fitted.columns
    fits = (
        len(fitted.frequency) == len(fitted.rest) == n
        and fitted.texts >= 0
        and fitted.basis.shape == (len(columns), len(fitted.energy))
        and len(fitted.vectors) == len(columns)
        and (not len(columns) or (columns.min() >= 0 and columns.max() < n))
        and len(fitted.background_ids) == fitted.background.shape[0]
        and len(fitted.names) == len(fitted.name_counts)
    )
    if fitted.view is not None:
        fits = fits and fitted.view.background.shape == (len(fitted.background_ids), fitted.view.size)
    shared = fitted.shared
    if shared is not None:
        fits = fits and (
            len(shared.ids) == len(shared.factors) == len(shared.topics) == shared.words.shape[0]
            and shared.background.shape == (fitted.background.shape[0], shared.factors.shape[1])
        )
    if not fits:
        raise ValueError("its parts do not fit together")
