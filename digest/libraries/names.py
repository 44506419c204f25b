"""Names of authors: ``Curie, Marie and {CERN Group}`` → names in the order in which they are said."""

import re
from typing import Final

from digest.libraries.latex import from_latex, to_latex, unbraced
from digest.libraries.paper import MAX_AUTHORS, MAX_NAME

__all__ = ["last_name", "read_names", "said", "write_names"]

_MARK: Final = re.compile(r"(?<!\\)[{}]|(?<=\s)and(?=\s)|,", re.IGNORECASE)
_UNFIT: Final = re.compile(r"(?i)(?:^|\s)(?:and|others)(?:\s|$)|,")


def read_names(value: str) -> list[str]:
    """BibTeX's authors; a name in braces is taken as it stands, ``others`` is none."""
    value = " ".join(value.split())
    names: list[str] = []
    pieces: list[str] = []
    depth = start = 0
    for mark in _MARK.finditer(value):
        letter = mark[0]
        if letter in "{}":
            depth = max(depth + (1 if letter == "{" else -1), 0)
        elif depth == 0:
            pieces.append(value[start : mark.start()])
            start = mark.end()
            if letter != ",":
                names.append(_name(pieces))
                pieces = []
                if len(names) > MAX_AUTHORS:
                    return names
    names.append(_name([*pieces, value[start:]]))
    return [name for name in names if name]


def _name(pieces: list[str]) -> str:
    """``Last, First`` and ``Last, Jr, First`` said in order."""
    if len(pieces) == 1 and pieces[0].strip().lower() == "others":
        return ""
    read = [from_latex(unbraced(piece), limit=MAX_NAME) for piece in pieces[:4]]
    if len(read) == 2:
        return " ".join((read[1], read[0])).strip()
    return " ".join((read[2], read[0], read[1])).strip() if len(read) > 2 else read[0]


def said(name: str) -> str:
    """``Last, First`` or ``Last, First, Suffix``, as RIS has it, in the order in which it is said."""
    parts = [part.strip() for part in name.split(",", 2)]
    return " ".join(part for part in (*parts[1:2], parts[0], *parts[2:]) if part)


def write_names(names: tuple[str, ...]) -> str:
    """The names for BibTeX; one that BibTeX would take apart wrongly is put into braces."""
    return " and ".join(f"{{{to_latex(name)}}}" if _UNFIT.search(name) else to_latex(name) for name in names)


def last_name(name: str) -> str:
    """The family name, as far as that can be said: the last word."""
    return name.split()[-1] if name.split() else ""
