"""Single pieces of LaTeX → Unicode: one symbol, one accent, one formula. pylatexenc lives here."""

import logging
import re
import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from digest.text import latex_words as words

if TYPE_CHECKING:
    from pylatexenc.latex2text import LatexNodes2Text

__all__ = ["braces", "math_to_text", "scripts", "symbol"]

_MAX_DEPTH: Final = 12

_SUPERSCRIPTS: Final = dict(zip("0123456789+-−=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱ", strict=True)) | {
    "°": "°", "∘": "°", "′": "′", "†": "†", "‡": "‡", "⊤": "ᵀ", "'": "′",
}  # fmt: skip
_SUBSCRIPTS: Final = dict(zip("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎", strict=True))
# Stands for a mark that is dealt with, until the formula is done.
_LATER: Final = {"^": "\ue05e", "_": "\ue05f"}
_SCRIPT: Final = re.compile(r"([\^_])\s?(?:\{([^{}]*)\}|(\\[A-Za-z]+|[A-Za-z0-9+*'′-]))")
_GROUP: Final = re.compile(r"(?<![\\A-Za-z\]}])\{([^{}\\]*)\}")
_SPACE_AFTER: Final = re.compile(r"\\([A-Za-z]+)(?=\s)")
_FUNCTION: Final = re.compile(rf"\\({'|'.join(sorted(words.FUNCTIONS, key=len, reverse=True))})(?![A-Za-z])")
_FANCY_LETTER: Final = re.compile("[\U0001d400-\U0001d7ffℬℰℱℋℐℒℳℛℯℊℴℭℌℑℜℨ]")
_ROOT: Final = re.compile(r"\\sqrt\[([0-9n])\]")
_SILENT: Final = re.compile(
    rf"\\(?:{'|'.join(sorted(words.DROPPED - {'begin', 'end'} | {'color'}))})(?:\[[^\[\]]*\])?\{{[^{{}}]*\}}"
)
_ENVIRONMENT: Final = re.compile(r"\\(?:begin|end)\{[a-z]{1,20}\*?\}")
_TAKES_ARGUMENT: Final = words.STRUCTURES | words.FORMATS | words.SWITCHES
_UNKNOWN: Final = re.compile(r"\\([A-Za-z]{2,40})")
_BARE_PERCENT: Final = re.compile(r"(?<!\\)%")
_WORD: Final = re.compile(r"[^\W_]{3,}")
_SPACES_BEFORE: Final = re.compile(r"\s+([,.;:)\]])")


@cache
def _reader() -> "LatexNodes2Text":
    # Imported when first needed: most texts hold no LaTeX.
    from pylatexenc.latex2text import LatexNodes2Text

    # It logs what is broken in a formula; here the formula then simply stays as it was.
    logging.getLogger("pylatexenc").setLevel(logging.CRITICAL)
    return LatexNodes2Text(math_mode="text", keep_comments=True, strict_latex_spaces=False)


def braces(text: str) -> dict[int, int]:
    """Where each opening brace is closed; those without a partner, and escaped ones, are left out."""
    partner: dict[int, int] = {}
    open_at: list[int] = []
    for found in re.finditer(r"\\.|[{}]", text, re.DOTALL):
        if found[0] == "{":
            open_at.append(found.start())
        elif found[0] == "}" and open_at:
            partner[open_at.pop()] = found.start()
    return partner


def _depth(text: str) -> int:
    depth = deepest = 0
    for letter in text:
        if letter == "{":
            depth += 1
            deepest = max(deepest, depth)
        elif letter == "}":
            depth -= 1
    return deepest


def _plain_letters(text: str) -> str:
    """𝐱 and ℒ as x and L: mathematical alphabets are missing in many fonts and not searchable."""
    return _FANCY_LETTER.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)


def _read(piece: str) -> str | None:
    try:
        read = _reader().latex_to_text(piece)
    except Exception:  # pylatexenc raises IndexError, AttributeError and its own on broken input
        return None
    if "%s" in read or "%(" in read:  # a macro whose arguments are missing leaves its own pattern
        return None
    return unicodedata.normalize("NFC", _plain_letters(read))


@lru_cache(maxsize=1024)
def symbol(name: str) -> str:
    """The character(s) of the macro ``name`` or the accent (without backslash), "" where unknown."""
    if name.isalpha():
        if name in words.FUNCTIONS:
            return name
        if name in words.SYMBOLS:
            return words.SYMBOLS[name]
        spec = _reader().latex_context.get_macro_spec(name)
        if spec is None or not isinstance(spec.simplify_repl, str) or "%s" in spec.simplify_repl:
            return ""
    return (_read("\\" + name) or "").strip()


def _scripted(mark: str, inner: str) -> str:
    table = _SUPERSCRIPTS if mark == "^" else _SUBSCRIPTS
    inner = inner.strip(" ,;")  # "p^{,old}" was once "p^{\\,old}"
    read = inner
    if inner.startswith("\\") and inner[1:].isalpha():
        read = symbol(inner[1:]) or inner
    if not inner:
        return ""
    if all(letter in table for letter in read):
        return "".join(table[letter] for letter in read)
    if len(read) == 1 or re.fullmatch(r"[A-Za-z0-9.]+", read):
        return _LATER[mark] + read
    return f"{_LATER[mark]}({read})"


def scripts(formula: str) -> str:
    """``x^{2}_{1}`` as x²₁; what Unicode has no small form of stays behind ``^`` or ``_``."""
    for _ in range(_MAX_DEPTH):
        before = formula
        formula = _SCRIPT.sub(lambda found: _scripted(found[1], found[2] or found[3] or ""), formula)
        formula = _GROUP.sub(r"\1", formula)
        if formula == before:
            break
    return formula.replace(_LATER["^"], "^").replace(_LATER["_"], "_")


def _protect(formula: str) -> str:
    """Keep what pylatexenc would drop: percent signs, unknown macros' names, spaces around functions."""
    formula = _ROOT.sub(r"^{\1}\\sqrt", _FUNCTION.sub(r" \1 ", formula))
    formula = formula.replace(r"\|", "‖")
    formula = _SPACE_AFTER.sub(
        lambda found: found[0] if found[1] in _TAKES_ARGUMENT else found[0] + "\\", formula
    )

    def named(found: re.Match[str]) -> str:
        known = _reader().latex_context.get_macro_spec(found[1]) is not None or found[1] in words.FORMATS
        return found[0] if known or found[1] in words.SWITCHES | {"begin", "end"} else f" {found[1]} "

    return _BARE_PERCENT.sub(r"\\%", _UNKNOWN.sub(named, formula))


def _words(text: str) -> set[str]:
    return set(_WORD.findall(unicodedata.normalize("NFKD", text)))


@lru_cache(maxsize=2048)
def math_to_text(formula: str) -> str | None:
    """One formula, without its dollar signs, as one line of Unicode; ``None`` where that loses words."""
    if _depth(formula) > _MAX_DEPTH:
        return None
    formula = _SILENT.sub(" ", formula)
    read = _read(scripts(_protect(formula)))
    if not read or not read.strip():
        return None
    read = _SPACES_BEFORE.sub(r"\1", " ".join(read.split()))
    wanted = _words(re.sub(r"\\[A-Za-z]+", " ", _ENVIRONMENT.sub(" ", formula)))
    kept = unicodedata.normalize("NFKD", read)
    return None if any(word not in kept for word in wanted) else read
