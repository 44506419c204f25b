"""Which of the day's papers are for whom, and why: pure, from values and arrays to recommendations.

``fit`` a :class:`Model` on all stored papers (nightly), ``learn`` the interests that changed, ``prepare`` the
day's candidates once, ``recommend`` for all readers. It reads no clock, no database and no network; only
``save_model`` and ``load_model`` touch a file.

What stands here is imported when it is first asked for. Were it imported with the package, a thread that
imports the package and one that imports a module of it would wait for each other, and Python would give one
of them half a module: the threads of the service begin at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digest.ranking.fitting import fit
    from digest.ranking.keeping import fingerprint, pack, unpack
    from digest.ranking.learning import Learned, learn
    from digest.ranking.library import Library
    from digest.ranking.model import Model
    from digest.ranking.prepared import Prepared, prepare
    from digest.ranking.recommending import recommend
    from digest.ranking.saving import load_model, save_model
    from digest.ranking.taste import closeness
    from digest.ranking.viewing import with_view, without_view

__all__ = [
    "Learned",
    "Library",
    "Model",
    "Prepared",
    "closeness",
    "fingerprint",
    "fit",
    "learn",
    "load_model",
    "pack",
    "prepare",
    "recommend",
    "save_model",
    "unpack",
    "with_view",
    "without_view",
]

_HOMES = {
    "fitting": ("fit",),
    "keeping": ("fingerprint", "pack", "unpack"),
    "learning": ("Learned", "learn"),
    "library": ("Library",),
    "model": ("Model",),
    "prepared": ("Prepared", "prepare"),
    "recommending": ("recommend",),
    "saving": ("load_model", "save_model"),
    "taste": ("closeness",),
    "viewing": ("with_view", "without_view"),
}

if not TYPE_CHECKING:  # else no name would be too strange for the type checker

    def __getattr__(name: str) -> Any:
        for home, names in _HOMES.items():
            if name in names:
                found = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
