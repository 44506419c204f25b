"""LaTeX remains in titles and abstracts → readable Unicode.

Sites hand out abstracts as their authors typed them, or with some of the LaTeX taken away badly. Only
the pieces that are LaTeX are rewritten; every other character stays where it is. pylatexenc knows the
symbols and accents and gets one such piece at a time, because given a whole text it takes ``%`` for a
comment, ``$5 and $7`` for mathematics, and drops the names of macros it does not know.
"""

import re
import unicodedata
from typing import Final

from digest.text import latex_words as words
from digest.text.cleaning import DEFAULT_LIMIT, clean_text
from digest.text.latex_pieces import braces, math_to_text, scripts, symbol

__all__ = ["latex_to_text", "plain"]

_ROUNDS: Final = 6
_MAX_MATH: Final = 600

# What LaTeX cannot do without, and what is left of it where a site stripped it badly. Searched for by what is
# rare in prose, since nearly all texts hold none of it.
_SIGNS: Final = ("\\", "$", "{", "~", "^", "``")
_MANGLED: Final = (
    ("times", re.compile(r"times(?<=[0-9A-Z]times)")),
    ("cdot", re.compile(r"cdot(?<=[0-9A-Z]cdot)")),
    ("sim", re.compile(r"sim(?=[0-9])(?<=\bsim)")),
)
_LATEX_LETTERS: Final = re.compile(r"[\\${}~^_]|``|(?<=[0-9A-Z])(?:times|cdot)|\bsim(?=[0-9])")
_TOKEN: Final = re.compile(
    # The beginnings of all that follows: at most places one look tells that there is nothing.
    r"(?=[\\$^_{}~`']|[bcehmost][adeimopt])(?:"
    r"(?P<url>https?://[^\s<>\"{}$]+)"
    r"|(?P<macro>\\)|(?P<math>\$\$?)"
    rf"|(?P<mangled>(?:{words.MANGLED_FORMATS})\{{)"
    r"|(?P<script>[\^_]\{|(?<=[\w)\]}])\^)"
    r"|(?P<open>\{)|(?P<close>\})|(?P<tie>~)|(?P<quote>``|'')"
    r"|(?P<product>(?<=[0-9])times(?: (?=[0-9])|(?![a-z]))|(?<=[A-Z])(?:times|cdot)(?=[A-Z])"
    r"|\bsim(?=[0-9.]{1,9}(?:%|[kKMB]\b))))"
)
_URL_ESCAPE: Final = re.compile(r"\\([#%&_~$])")
_MACRO_NAME: Final = re.compile(r"\\([A-Za-z]{1,40})\*?")
_OPTION: Final = re.compile(r"\[[^\[\]{}]{0,200}\]")
_ACCENT: Final = re.compile(
    r"\\(?:[\"'`^~=.] ?(?:\{\s?\\?[A-Za-z]?\s?\}|\\[ij](?![A-Za-z])|[A-Za-z])"
    r"|[cvHukrdbt](?:\{\s?\\?[A-Za-z]{1,2}\s?\}| ?\\[ij](?![A-Za-z])| [A-Za-z](?![A-Za-z])))"
)
_SYMBOL_IN_BRACES: Final = re.compile(rf"\{{\s?({words.MANGLED_SYMBOLS})(?=\}}|[A-Z0-9{{ ])")
_NAME_IN_BRACES: Final = re.compile(r"\{([A-Za-z0-9][A-Za-z0-9+-]{0,40}|[=<>+*/:,.-])\}")
_BARE_SCRIPT: Final = re.compile(
    r"\^([0-9]{1,4}|[-+][0-9]{1,3}|\\[a-z]{2,10})(?![A-Za-z0-9])|\^([0-9])(?=[A-Z])"
)
_MATH_HINT: Final = re.compile(r"[\\^_={}<>+*/|]")
_SHORT_MATH: Final = re.compile(r"[^\s$]{1,12}|[A-Za-z0-9 ,()+*/=<>.-]{1,20}")


class _Converter:
    """One pass over one text. ``out`` is what was written; ``instead`` what a later brace becomes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.out: list[str] = []
        self.partner = braces(text)
        self.instead: dict[int, str] = {}
        self.quotes = 0

    def run(self) -> str:
        position = 0
        while token := _TOKEN.search(self.text, position):
            self.out.append(self.text[position : token.start()])
            step = getattr(self, f"_{token.lastgroup}")
            position = step(token)
        self.out.append(self.text[position:])
        return "".join(self.out)

    # Each step gets its token, writes what it means, and says where to read on.

    def _url(self, token: re.Match[str]) -> int:
        self.out.append(_URL_ESCAPE.sub(r"\1", token[0]))
        end, closing = token.end(), self.partner.get(token.end())
        if closing:  # what \href leaves behind without its backslash: "https://…{GitHub}"
            if self.text[end + 1 : closing] == token[0]:
                return closing + 1
            self.instead[end], self.instead[closing] = " (", ")"
        return end

    def _keep(self, token: re.Match[str]) -> int:
        self.out.append(token[0])
        return token.end()

    def _quote(self, token: re.Match[str]) -> int:
        start = token.start()
        if token[0] == "``" and "''" in self.text[start : start + 1000]:
            self.quotes += 1
            self.out.append("“")
        elif token[0] == "''" and self.quotes:
            self.quotes -= 1
            self.out.append("”")
        else:
            self.out.append(token[0])
        return token.end()

    def _product(self, token: re.Match[str]) -> int:
        self.out.append({"times": "×", "cdot": "·", "sim": "~"}[token[0].strip()])
        return token.end()

    def _tie(self, token: re.Match[str]) -> int:
        start = token.start()
        before, after = self.text[max(start - 2, 0) : start], self.text[start + 1 : start + 3]
        ends = before[-1:] in tuple(".,;:)]}'") or (len(before) == 2 and before.isalpha())
        begins = after[:1].isalnum() or after[:1] in tuple("(`\\$[“")
        self.out.append(" " if ends and begins else "~")
        return token.end()

    def _close(self, token: re.Match[str]) -> int:
        start = token.start()
        self.out.append(self.instead.get(start, "}"))
        return token.end()

    def _open(self, token: re.Match[str]) -> int:
        start = token.start()
        end = self.partner.get(start)
        if start in self.instead:
            self.out.append(self.instead[start])
        elif end == start + 1:
            self.instead[end] = ""
        elif end and (found := _SYMBOL_IN_BRACES.match(self.text, start)):
            self.out.append(symbol(found[1]))
            self.instead[end] = ""
            return found.end()
        elif end and self._is_only_grouping(start):
            self.instead[end] = ""
        else:
            self.out.append("{")
        return start + 1

    def _is_only_grouping(self, start: int) -> bool:
        """Whether a brace holds letters together ("{B}ayesian", "{\\em …}") and means nothing itself."""
        following = _MACRO_NAME.match(self.text, start + 1)
        if following:
            return following[1] in words.SWITCHES or following[1] in words.EATS_SPACE
        single = _NAME_IN_BRACES.match(self.text, start)
        return (
            bool(single and (single[1].lower() != single[1] or not single[1].isalnum()))
            or self.text[start + 1] == "\\"
        )

    def _mangled(self, token: re.Match[str]) -> int:
        opening = token.end() - 1
        if opening not in self.partner:
            return self._keep(token)
        self.instead[self.partner[opening]] = ""
        return token.end()

    def _script(self, token: re.Match[str]) -> int:
        start = token.start()
        if token[0].endswith("{"):
            end = self.partner.get(start + 1)
            if end and end - start <= _MAX_MATH:
                return self._formula(start, start, end + 1, end + 1)
        elif found := _BARE_SCRIPT.match(self.text, start):
            self.out.append(scripts(f"^{{{found[1] or found[2]}}}"))
            return found.end()
        self.out.append(token[0][0])
        return start + 1

    def _math(self, token: re.Match[str]) -> int:
        """Pandoc's rule, and what stands between must look like mathematics: prices do not."""
        mark, start, begin = token[0], token.start(), token.end()
        end = self.text.find(mark, begin, begin + _MAX_MATH)
        inner = self.text[begin:end] if end >= 0 else ""
        after = self.text[end + len(mark) : end + len(mark) + 1]
        is_math = bool(inner.strip()) and (
            mark == "$$"
            or (
                not inner[0].isspace()
                and not inner[-1].isspace()
                and not (after.isdigit() and "\\" not in inner)
                and bool(_MATH_HINT.search(inner) or _SHORT_MATH.fullmatch(inner))
            )
        )
        if not is_math:
            return self._keep(token)
        return self._formula(start, begin, end, end + len(mark))

    def _formula(self, start: int, begin: int, end: int, behind: int) -> int:
        """Write what stands from ``begin`` to ``end``, or all of it as it was where it cannot be read."""
        read = math_to_text(self.text[begin:end])
        self.out.append(self.text[start:behind] if read is None else read)
        return behind

    def _macro(self, token: re.Match[str]) -> int:
        start = token.start()
        text = self.text
        following = text[start + 1 : start + 2]
        if following in ("(", "["):
            end = text.find("\\)" if following == "(" else "\\]", start + 2, start + 2 + _MAX_MATH)
            if end >= 0:
                return self._formula(start, start + 2, end, end + 2)
        if accent := _ACCENT.match(text, start):
            self.out.append(symbol(accent[0][1:]))
            return accent.end()
        if named := _MACRO_NAME.match(text, start):
            return self._named(start, named)
        if following in words.ESCAPES and self._is_escape(start, following):
            self.out.append(words.ESCAPES[following])
            return start + 2
        return self._keep(token)

    def _is_escape(self, start: int, letter: str) -> bool:
        """Shrugs and drawings use backslashes too: some escapes must stand at a word."""
        before, after = self.text[start - 1 : start] if start else "", self.text[start + 2 : start + 3]
        if letter == "_":
            return before.isalnum() or after.isalnum()
        return letter not in "-/" or (before.isalnum() and after.isalnum())

    def _named(self, start: int, named: re.Match[str]) -> int:
        name, end = named[1], named.end()
        if name in words.SCRIPTS and self.text[end : end + 1] == "{" and end in self.partner:
            return self._script_in_text(name, end)
        if name in words.DROPPED:
            return self._after_arguments(end, all_of_them=True)
        if name in words.COLOURS:
            return self._transparent(self._after_arguments(end, all_of_them=False), "")
        if name in words.ADDRESSES:
            return self._address(name, end)
        if name in words.SWITCHES or name in words.FORMATS:
            return self._transparent(end, "")
        if name in words.ABBREVIATIONS:
            return self._abbreviation(name, end)
        if name in words.STRUCTURES and self.text[end : end + 1] == "{":
            return self._structure(start, end)
        found = symbol(name)
        if found:
            self.out.append(found)
            return self._after_symbol(name, end)
        return self._unknown(start, name, end)

    def _script_in_text(self, name: str, end: int) -> int:
        closing = self.partner[end]
        inner = self.text[end + 1 : closing] if closing - end < _MAX_MATH else ""
        small = scripts(f"{words.SCRIPTS[name]}{{{inner}}}")
        if not small or small[0] in "^_":  # the "nd" of 2nd has no small form
            return self._transparent(end, "")
        self.out.append(small)
        return closing + 1

    def _after_arguments(self, end: int, *, all_of_them: bool) -> int:
        """Where to read on behind ``[…]`` and one (or every) ``{…}``."""
        while True:
            if option := _OPTION.match(self.text, end):
                end = option.end()
            elif self.text[end : end + 1] == "{" and end in self.partner:
                end = self.partner[end] + 1
                if not all_of_them:
                    return end
            else:
                return end

    def _transparent(self, end: int, name: str) -> int:
        """Leave the macro out and keep what it formats; ``name`` is written where there is nothing."""
        text = self.text
        if option := _OPTION.match(text, end):
            end = option.end() if text[option.end() : option.end() + 1] == "{" else end
        if text[end : end + 1] == "{":
            closing = self.partner.get(end)
            if closing is None:
                return end + 1
            self.out.append(name if closing == end + 1 else "")
            self.instead[closing] = ""
            return end + 1
        self.out.append(name)
        return end + 1 if not name and text[end : end + 1] == " " and self._at_word_start() else end

    def _at_word_start(self) -> bool:
        last = next((piece for piece in reversed(self.out) if piece), "")
        return not last or last[-1].isspace() or last[-1] in "({[“"

    def _address(self, name: str, end: int) -> int:
        closing = self.partner.get(end)
        if closing is None:
            return end
        address = _URL_ESCAPE.sub(r"\1", self.text[end + 1 : closing])
        shown = self.partner.get(closing + 1)
        if name == "url" or shown is None:
            self.out.append(address)
            return closing + 1
        self.instead[closing + 1] = ""
        self.instead[shown] = f" ({address})"
        return closing + 1

    def _abbreviation(self, name: str, end: int) -> int:
        written = words.ABBREVIATIONS[name]
        following = self.text[end : end + 1]
        self.out.append(written.rstrip(".") if following == "." else written)
        self.out.append(" " if following.isalnum() else "")
        return end + 2 if self.text[end : end + 2] == "{}" else end

    def _structure(self, start: int, end: int) -> int:
        """A macro with arguments that mathematics knows (\\frac, \\sqrt, \\hat)."""
        behind = self._after_arguments(end, all_of_them=True)
        if behind - start > _MAX_MATH or behind == end:
            return self._transparent(end, "")
        return self._formula(start, start, behind, behind)

    def _after_symbol(self, name: str, end: int) -> int:
        if self.text[end : end + 2] == "{}":
            return end + 2
        # "S\o ren" is one word, "\alpha moment" is two.
        eats = name in words.EATS_SPACE and self.text[end : end + 1] == " "
        return end + 1 if eats else end

    def _unknown(self, start: int, name: str, end: int) -> int:
        """An author's own macro: its name is the best guess at what it stood for."""
        before = self.text[start - 1 : start] if start else ""
        code = before in (":", "\\", "/") or before.isalpha() or self.text[end : end + 1].isdigit()
        if code or len(name) == 1:
            self.out.append(self.text[start:end])
            return end
        return self._transparent(end, name)


def _has_traces(text: str) -> bool:
    """Whether a text may hold LaTeX. Nearly all hold none, and a plain search is quicker than a pattern's."""
    for sign in _SIGNS:
        if sign in text:
            return True
    return any(word in text and left.search(text) for word, left in _MANGLED)


def latex_to_text(text: str) -> str:
    """LaTeX remains as Unicode; text without any comes back unchanged, and no words are lost.

    Mathematics becomes one line ("$\\nabla^2$DFT" → "∇²DFT", "$x_{ij}$" → "x_ij"); formatting macros
    leave their content; an unknown macro leaves its name. What cannot be read stays as it was.
    """
    if not _has_traces(text):
        return text
    converted = unicodedata.normalize("NFC", " ".join(_Converter(text).run().split()))
    return converted or text


def plain(value: object, *, limit: int = DEFAULT_LIMIT) -> str:
    """Any value as clean text (see :func:`clean_text`) without LaTeX remains. Never raises."""
    text = clean_text(value, limit=limit)
    for _ in range(_ROUNDS):
        converted = latex_to_text(text)
        if converted == text:
            return text
        before, text = text, clean_text(converted, limit=limit)
        if text == before:
            return text
    # Still changing: made to be hostile. Without LaTeX's letters there is nothing left to change.
    return clean_text(_LATEX_LETTERS.sub(" ", text), limit=limit)
