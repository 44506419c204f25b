"""What readers read, in their language: gettext messages, and dates and numbers as that language writes them.

English is the language of the source: a message is its own key, and nothing is looked up for it. All others
are catalogues ``digest/locales/<language>/LC_MESSAGES/digest.po``, compiled in memory when one is used first,
so that a wheel, an editable install and a clone hold the same files.

Whoever speaks to a reader does so ``with speaking(language)``; outside of that everything is English, as are
the command line, the logs and the operator's pages. The language is bound to the thread or task that set it.
"""

import gettext as _gettext
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

__all__ = [
    "ENGLISH",
    "LANGUAGES",
    "catalogue_path",
    "compact",
    "decimal",
    "direction",
    "gettext",
    "gettext_noop",
    "in_language",
    "language",
    "listed",
    "ngettext",
    "plural",
    "preferred",
    "speaking",
    "weekday",
    "written_date",
]

ENGLISH = "en"
# By their own names; each but English has a catalogue.
LANGUAGES: Mapping[str, str] = MappingProxyType({ENGLISH: "English", "de": "Deutsch"})
DOMAIN = "digest"
# A header may name so many languages before nobody looks further.
MOST_NAMED = 20

_spoken: ContextVar[str] = ContextVar("language", default=ENGLISH)


def language() -> str:
    """The language that is spoken here."""
    return _spoken.get()


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Speak that language for a while; English for one that is not known."""
    token = _spoken.set(code if code in LANGUAGES else ENGLISH)
    try:
        yield
    finally:
        _spoken.reset(token)


def in_language(code: str | None, default: str) -> str:
    """The language of a reader who chose ``code``, or nothing; the default too where it is known no more."""
    return code if code in LANGUAGES and code is not None else default


def preferred(accepted: str) -> str | None:
    """The best of our languages by an ``Accept-Language`` header (RFC 9110, 12.5.4), if any is accepted."""
    named: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted.split(",")[:MOST_NAMED]):
        tag, _, rest = part.strip().partition(";")
        code = tag.strip().lower().partition("-")[0]
        try:
            weight = float(rest.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if code in LANGUAGES and 0 < weight <= 1:
            named.append((-weight, place, code))
    return min(named)[2] if named else None


@cache
def direction(code: str) -> str:
    """``ltr`` or ``rtl``: which way that language is written."""
    if code == ENGLISH:
        return "ltr"
    from babel import Locale

    return Locale.parse(code).text_direction


# --- messages --------------------------------------------------------------------------------------


def gettext(message: str, **values: object) -> str:
    """The message in the language that is spoken, with ``values`` for its ``%(name)s``."""
    code = _spoken.get()
    if code != ENGLISH:
        message = _catalogue(code).gettext(message)
    return message % values if values else message


def ngettext(one: str, many: str, n: int, **values: object) -> str:
    """The same for a count; ``%(num)s`` is the count as the language writes it."""
    return plural(one, many, n) % ({"num": decimal(n)} | values)


def plural(one: str, many: str, n: int) -> str:
    """The message for that count, its places not filled in yet."""
    code = _spoken.get()
    if code == ENGLISH:
        return one if n == 1 else many
    return _catalogue(code).ngettext(one, many, n)


def gettext_noop(message: str) -> str:
    """The message as it is: marks one that is translated where it is shown."""
    return message


def catalogue_path(code: str) -> Path:
    """Where that language's catalogue is."""
    return Path(__file__).resolve().parent / "locales" / code / "LC_MESSAGES" / f"{DOMAIN}.po"


@cache
def _catalogue(code: str) -> _gettext.NullTranslations:
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with catalogue_path(code).open("rb") as file:
        catalogue = read_po(file, locale=code, domain=DOMAIN)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return _gettext.GNUTranslations(compiled)


# --- numbers and dates -----------------------------------------------------------------------------


def decimal(value: float) -> str:
    """``12,345`` in English; a fraction with at most one place."""
    code = _spoken.get()
    if code == ENGLISH:
        return f"{value:,}"
    return _decimal(value, code)


@lru_cache(maxsize=4096)
def _decimal(value: float, code: str) -> str:
    from babel.numbers import format_decimal

    return str(format_decimal(value, format="#,##0.#", locale=code))


def compact(value: int) -> str | None:
    """A large count in short, as the language does; ``None`` for English, which is written elsewhere."""
    code = _spoken.get()
    if code == ENGLISH:
        return None
    from babel.numbers import format_compact_decimal

    short = str(format_compact_decimal(value, format_type="short", locale=code, fraction_digits=1))
    # Where a language has no short form of it, its digits are grouped as ever.
    return decimal(value) if short.isdecimal() else short


def written_date(day: date, skeleton: str) -> str:
    """A date by ``full``, ``long`` or a skeleton of CLDR such as ``MMMd``; not for English."""
    return _written(day, skeleton, _spoken.get())


@lru_cache(maxsize=4096)
def _written(day: date, skeleton: str, code: str) -> str:
    from babel.dates import format_date, format_skeleton

    if skeleton in ("full", "long"):
        return str(format_date(day, skeleton, locale=code))
    return str(format_skeleton(skeleton, day, locale=code))


@lru_cache(maxsize=64)
def _weekday(number: int, code: str) -> str:
    from babel.dates import get_day_names

    return str(get_day_names("wide", context="stand-alone", locale=code)[number])


def weekday(number: int) -> str:
    """The name of a day of the week, Monday being 0."""
    return _weekday(number, _spoken.get())


def listed(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    # Translators: how a list ends, as in "a, b and c".
    return gettext("%(first)s and %(last)s", first=", ".join(words[:-1]), last=words[-1])
