"""The one Jinja environment, and how dates, numbers and lines are written.

Templates are files, ours or the operator's: text from outside is always a value, never template source.
Autoescape is on for every template whatever its file is called, and cannot be turned off inside one.
What they say is translated by Jinja's i18n extension, in the language that :mod:`digest.translation` speaks.
An operator's template that is broken is told of in the log, once, and ours is shown in its place.
A template under ``mail/`` gets its styles inlined when it is loaded, so that rendering costs nothing more;
one under ``feed/`` loses its classes; one under ``web/`` stays as it is. All look into ``shared/`` too.
"""

import logging
import re
import traceback
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path

import jinja2
from jinja2 import nodes

from digest import translation
from digest.branding import ACCENT, ACCENT_DARK, PLAIN, Look
from digest.text import safe_url
from digest.translation import ENGLISH, compact, decimal, direction, language, written_date

__all__ = [
    "compact_number",
    "count_papers",
    "count_votes",
    "environment",
    "legal",
    "long_date",
    "month",
    "number",
    "one_line",
    "render_template",
    "safe_link",
    "section_name",
    "short_date",
    "sparkline",
    "templates_folder",
    "utc_minute",
    "wrap",
]

STYLESHEET = "mail.css"
AT_RULES = "/* at-rules */"
FILTERS = frozenset({"join", "length", "urlencode"})
# What an operator's templates stand in for. Feeds are formats, so theirs are always ours.
OWN_ROOMS = ("mail", "web")

_log = logging.getLogger(__name__)

# What XML 1.0 cannot hold (lone surrogates, most of C0, U+FFFE, U+FFFF), and C1 controls, which HTML forbids.
_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_MAILTO = re.compile(r"mailto:[!#-;=?-\[\]_a-z~]{1,2000}")
_CLASS = re.compile(r'\sclass="([^"]*)"')
_CLASS_NAMES = re.compile(r"[a-z][a-z0-9-]*(?: [a-z][a-z0-9-]*)*")
_STYLED = re.compile(r'<p class="([^"]*)" style="([^"]*)">')
# Latin letters and the usual punctuation: one column each.
_NARROW = re.compile(r"[ -~\u00a1-\u0377\u2010-\u2027\u2030-\u205e]+")
_HEAD = re.compile(r"<style>(.*?)</style>", re.DOTALL)

# In English whatever the machine's locale is, as strftime would not be.
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_BARS = "▁▂▃▅▇"  # ▄ and █ sit lower than the others in several system fonts


# --- the environment -------------------------------------------------------------------------------


class _Environment(jinja2.Environment):
    """Refuses to make a template from text: what is not a file of ours is no template."""

    def from_string(self, *_args: object, **_values: object) -> jinja2.Template:
        raise TypeError("templates are files of this program, never text")


class _Loader(jinja2.FileSystemLoader):
    """Reads one folder's templates, else the shared ones, and lets ``rewrite`` treat their classes."""

    def __init__(self, folder: Path, shared: Path, rewrite: Callable[[str], str]) -> None:
        super().__init__([folder, shared], encoding="utf-8")
        self._rewrite = rewrite

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        try:
            source, path, is_current = super().get_source(environment, template)
        except UnicodeDecodeError as error:
            path = next(str(one) for folder in self.searchpath if (one := Path(folder, template)).is_file())
            line = error.object.count(b"\n", 0, error.start) + 1
            raise jinja2.TemplateSyntaxError("is not text in UTF-8", line, template, path) from error
        if environment.autoescape is not True:
            raise RuntimeError(f"autoescape is off for {template}")
        modifier = environment.parse(source, template, path).find(nodes.ScopedEvalContextModifier)
        if modifier is not None:
            raise jinja2.TemplateSyntaxError("turns autoescape off", modifier.lineno, template, path)
        try:
            return self._rewrite(source), path, is_current
        except jinja2.TemplateSyntaxError as error:
            error.filename = path
            raise


def templates_folder() -> Path:
    """Where the templates are: inside the package (installed), else beside it (a checkout)."""
    package = Path(__file__).resolve().parent
    for folder in (package / "templates", package.parent / "templates"):
        if folder.is_dir():
            return folder
    raise RuntimeError(f"no templates: neither {package / 'templates'} nor {package.parent / 'templates'}")


@lru_cache(maxsize=16)
def environment(look: Look = PLAIN) -> jinja2.Environment:
    """The environment that all templates of that look are loaded from; made once for each.

    Undefined names raise. There are no globals but those of i18n (``_``, ``gettext``, ``ngettext``), and of
    Jinja's filters only those in ``FILTERS``: above all no ``safe``.
    """
    made = _Environment(
        loader=jinja2.PrefixLoader(_loaders(look)),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    alias = made.globals["_"]
    made.globals.clear()
    made.globals["_"] = alias
    made.install_gettext_callables(translation.gettext, translation.plural, newstyle=True)  # type: ignore[attr-defined]
    made.filters = {name: made.filters[name] for name in FILTERS}
    made.filters |= {
        "date": long_date,
        "short_date": short_date,
        "month": month,
        "number": number,
        "compact_number": compact_number,
        "sparkline": sparkline,
        "minute": utc_minute,
        "wrap72": lambda text: "\n".join(wrap(text)),
        "listed": translation.listed,
        "papers": count_papers,
        "votes": count_votes,
        "section": section_name,
    }
    return made


def _loaders(look: Look) -> dict[str, jinja2.BaseLoader]:
    """What each room of templates is loaded by: the operator's first, where there are any."""
    folder, own = templates_folder(), look.template_dir
    sheet = (folder / "mail" / STYLESHEET).read_text(encoding="utf-8")
    styles = _Styles(sheet.replace(ACCENT, look.accent).replace(ACCENT_DARK, look.accent_dark))
    rewrites: dict[str, Callable[[str], str]] = {
        "mail": styles.inline,
        "feed": lambda source: _CLASS.sub("", source),
        "web": lambda source: source,
    }
    loaders: dict[str, jinja2.BaseLoader] = {}
    for room, rewrite in rewrites.items():
        ours = _Loader(folder / room, folder / "shared", rewrite)
        loaders[room] = ours
        if own is not None and room in OWN_ROOMS:
            # Ours stay within reach of theirs, which may extend what they stand in for.
            loaders[f"our-{room}"] = ours
            loaders[room] = jinja2.ChoiceLoader([_Loader(own / room, own / "shared", rewrite), ours])
    return loaders


def render_template(name: str, /, look: Look = PLAIN, **values: object) -> str:
    """The template's text with ``values``, without characters that HTML or XML forbid.

    ``language`` and ``direction`` (of what is spoken) and ``look`` are always there. Where an operator's
    template fails, that is logged and ours is rendered.
    """
    given = {"language": language(), "direction": direction(language()), "look": look} | values
    if look.template_dir is None:
        return legal(_template(name, look).render(given))
    try:
        return legal(_template(name, look).render(given))
    except Exception as error:  # whatever their template does, a reader gets a mail or a page
        ours = _template(name, replace(look, template_dir=None)).render(given)
        _tell_fault(_fault(error, look.template_dir))
        return legal(ours)


def _template(name: str, look: Look) -> jinja2.Template:
    # Nothing given and nothing set are one environment.
    return (environment() if look is PLAIN else environment(look)).get_template(name)


def _fault(error: Exception, own: Path) -> str:
    """Where in the operator's templates it went wrong, and how, in one line."""
    if isinstance(error, jinja2.TemplateSyntaxError):
        return f"{error.filename or own}, line {error.lineno}: {one_line(error.message or 'wrong')[:300]}"
    where = str(own)
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.startswith(str(own)):
            where = f"{frame.filename}, line {frame.lineno}"
    return f"{where}: {one_line(str(error))[:300] or type(error).__name__}"


@lru_cache(maxsize=256)
def _tell_fault(fault: str) -> None:
    """Log a fault once in the life of a process: a day has a mail for every reader."""
    _log.warning("a template of yours is broken, so ours is used in its place: %s", fault)


class _Styles:
    """A stylesheet of plain class rules and at-rules, put into templates as ``style`` attributes.

    css-inline works on whole documents and would move Jinja's tags about, so it is asked once for each set
    of classes. Classes stay only where an at-rule (dark mode) needs them.
    """

    def __init__(self, stylesheet: str) -> None:
        self._stylesheet = stylesheet
        self._at_rules, _ = self._computed([])
        self._kept = frozenset(re.findall(r"\.([a-z][a-z0-9-]*)", self._at_rules))

    def inline(self, source: str) -> str:
        """``source`` with a style for each class. Raises ``TemplateSyntaxError`` for one that is computed."""
        for found in _CLASS.finditer(source):
            if not _CLASS_NAMES.fullmatch(found[1]):
                line = source.count("\n", 0, found.start(1)) + 1
                raise jinja2.TemplateSyntaxError(
                    f"class={found[1]!r} cannot be inlined: write plain names", line
                )
        wanted = sorted(set(_CLASS.findall(source)))
        _, styles = self._computed(wanted)

        def attributes(match: re.Match[str]) -> str:
            names = [name for name in match[1].split() if name in self._kept]
            kept = f' class="{" ".join(names)}"' if names else ""
            return f'{kept} style="{styles[match[1]]}"' if match[1] in styles else kept

        return _CLASS.sub(attributes, source).replace(AT_RULES, self._at_rules)

    def _computed(self, wanted: Sequence[str]) -> tuple[str, dict[str, str]]:
        import css_inline  # here, because only the first mail of a process needs it

        body = "".join(f'<p class="{classes}"></p>' for classes in wanted)
        inliner = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False, minify_css=True)
        page = inliner.inline(
            f"<html><head><style>{self._stylesheet}</style></head><body>{body}</body></html>"
        )
        head = _HEAD.search(page)
        return (head[1].strip() if head else ""), dict(_STYLED.findall(page))


# --- text ------------------------------------------------------------------------------------------


def legal(text: str) -> str:
    """``text`` without the characters that XML 1.0 or HTML forbid; the last net, parsers cleaned before."""
    return _ILLEGAL.sub("", text)


def one_line(text: str) -> str:
    """``text`` on one line: legal characters, single spaces."""
    # Most text is clean already; what is printable holds no white space but blanks, and all of it is legal.
    if text.isprintable() and "  " not in text and text[:1] != " " and text[-1:] != " ":
        return text
    return " ".join(legal(text.replace("\x85", " ")).split())


def safe_link(url: str | None) -> str | None:
    """``url`` if it is a plain http(s) or mailto address fit for an attribute, else ``None``."""
    return url if url and _MAILTO.fullmatch(url) else safe_url(url)


@lru_cache(maxsize=4096)  # the same papers go to many readers
def wrap(text: str, width: int = 72, indent: str = "") -> tuple[str, ...]:
    """``text`` in lines of at most ``width`` columns, each after ``indent``, without trailing blanks.

    Wide characters (Chinese, Japanese, Korean, emoji) take two columns and may be broken between;
    a word that is longer than a line is cut.
    """
    room = max(2, width - len(indent))
    whole = one_line(text)
    if _NARROW.fullmatch(whole) and (plain := _narrow_lines(whole, room)):
        return tuple(indent + line for line in plain)
    lines: list[str] = []
    line, used = "", 0
    for piece, size, spaced in _pieces(whole, room):
        gap = 1 if spaced and line else 0
        if line and used + gap + size > room:
            lines.append(indent + line)
            line, used, gap = "", 0, 0
        line += " " * gap + piece
        used += gap + size
    return (*lines, indent + line) if line else tuple(lines)


def _narrow_lines(text: str, room: int) -> list[str] | None:
    """``text``, of one column a letter, in lines; ``None`` where a word is longer than a line."""
    lines, start = [], 0
    while len(text) - start > room:
        end = text.rfind(" ", start, start + room + 1)
        if end < 0:
            return None
        lines.append(text[start:end])
        start = end + 1
    return [*lines, text[start:]]


def _columns(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _pieces(text: str, room: int) -> Iterator[tuple[str, int, bool]]:
    """What a line is made of: (text, columns, whether a blank goes before it)."""
    for word in text.split(" "):
        if word.isascii():
            for start in range(0, len(word), room):
                part = word[start : start + room]
                yield part, len(part), start == 0
            continue
        piece, size, spaced = "", 0, True
        for character in word:
            columns = _columns(character)
            # Closing punctuation does not begin a line.
            breaks = columns == 2 and unicodedata.category(character) not in ("Pe", "Pf", "Po")
            if piece and (breaks or size + columns > room):
                yield piece, size, spaced
                piece, size, spaced = "", 0, False
            piece += character
            size += columns
        yield piece, size, spaced


# --- dates and numbers -----------------------------------------------------------------------------


def long_date(day: date) -> str:
    """``Monday, 16 March 2026``."""
    if language() != ENGLISH:
        return written_date(day, "full")
    return f"{_WEEKDAYS[day.weekday()]}, {day.day} {_MONTHS[day.month - 1]} {day.year}"


def month(day: date) -> str:
    """``March 2026``."""
    if language() != ENGLISH:
        return written_date(day, "yMMMM")
    return f"{_MONTHS[day.month - 1]} {day.year}"


def short_date(day: date, *, beside: date | None = None) -> str:
    """``16 Mar``, with the year where it is not that of ``beside``."""
    has_year = beside is not None and beside.year != day.year
    if language() != ENGLISH:
        return written_date(day, "yMMMd" if has_year else "MMMd")
    return f"{day.day} {_MONTHS[day.month - 1][:3]}{f' {day.year}' if has_year else ''}"


def utc_minute(when: datetime) -> str:
    """``2026-03-16 08:05``, in UTC."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M}"


def number(value: int) -> str:
    """``12,345``."""
    return decimal(value)


def compact_number(value: int) -> str:
    """``12.3k`` from a thousand on."""
    if (written := compact(value)) is not None:
        return written
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{value // (size // 10) / 10:.1f}".removesuffix(".0") + unit
    return str(value)


def count_papers(count: int) -> str:
    """``1 paper``, ``1,234 papers``."""
    return translation.ngettext("%(num)s paper", "%(num)s papers", count)


def count_votes(count: int) -> str:
    """``1 vote``, ``1,234 votes``."""
    return translation.ngettext("%(num)s vote", "%(num)s votes", count)


# For who extracts the messages: headings are values of digest.types.Section.
_SECTIONS = (
    translation.gettext_noop("Following"),
    translation.gettext_noop("For you"),
    translation.gettext_noop("Trending"),
    translation.gettext_noop("Rising"),
    translation.gettext_noop("Something different"),
    translation.gettext_noop("While you were away"),
)


def section_name(section: str) -> str:
    """A section's heading (see :class:`digest.types.Section`) in the language that is spoken."""
    return translation.gettext(str(section)) if section in _SECTIONS else section


def sparkline(values: Sequence[float]) -> str:
    """A line of bars from the lowest to the highest of ``values``; empty where nothing moved."""
    low, high = min(values, default=0), max(values, default=0)
    if low == high:
        return ""
    scale = (len(_BARS) - 1) / (high - low)
    return "".join(_BARS[round((value - low) * scale)] for value in values)
