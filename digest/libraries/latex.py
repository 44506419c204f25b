"""Text ↔ the inside of a BibTeX field.

What this module writes holds LaTeX's special characters as macros only, and braces in pairs only, so that
no text can end its field, whichever program reads it (BibTeX itself counts escaped braces too). What it
wrote it reads back letter by letter; everything else is read as LaTeX by :mod:`digest.text`.
"""

import re
from typing import Final

from digest.text import clean_text, plain

__all__ = ["from_latex", "to_latex", "unbraced"]

_WRITTEN: Final = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "@": "{@}",
}
_READ: Final = {written: letter for letter, written in _WRITTEN.items()} | {
    "`{}": "`",
    "'{}": "'",
    "-{}": "-",
}
# The pairs that LaTeX makes one sign of.
_SPECIAL: Final = re.compile(r"[\\{}$&%#_^~<>|@]|`(?=`)|'(?=')|-(?=-)")
_MACRO: Final = re.compile("|".join(map(re.escape, sorted(_READ, key=len, reverse=True))))
_GROUP: Final = re.compile(r"[{}]")
_HELD: Final = {"\\{": "\ue07b", "\\}": "\ue07d"}


def to_latex(text: str) -> str:
    """Plain text for the inside of a field."""
    return _SPECIAL.sub(lambda found: _WRITTEN.get(found[0], found[0] + "{}"), text)


def from_latex(value: str, *, limit: int) -> str:
    """The inside of a field as plain text of one line."""
    value = " ".join(value[: 20 * limit].split())
    text = _MACRO.sub(lambda found: _READ[found[0]], value)
    if to_latex(text) == value:
        return clean_text(text, limit=limit)
    for written, held in _HELD.items():
        value = value.replace(written, held)
    # Braces that are left when macros have taken theirs only kept words together.
    text = _GROUP.sub("", plain(value, limit=limit))
    for written, held in _HELD.items():
        text = text.replace(held, written[1])
    return clean_text(text, limit=limit)


def unbraced(value: str) -> str:
    """The value without a pair of braces around all of it, which keep its capitals or its words together."""
    value = value.strip()
    if not (value.startswith("{") and value.endswith("}")):
        return value
    depth = 0
    for brace in _GROUP.finditer(value):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return value[1:-1] if brace.end() == len(value) else value
    return value
