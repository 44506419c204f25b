"""The vocabulary: which macros format, which stand for words, which say nothing to a reader."""

from types import MappingProxyType
from typing import Final

__all__ = [
    "ABBREVIATIONS",
    "ADDRESSES",
    "COLOURS",
    "DROPPED",
    "EATS_SPACE",
    "ESCAPES",
    "FORMATS",
    "FUNCTIONS",
    "MANGLED_FORMATS",
    "MANGLED_SYMBOLS",
    "SCRIPTS",
    "STRUCTURES",
    "SWITCHES",
    "SYMBOLS",
]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ESCAPES: Final = MappingProxyType(
    {
        **{letter: letter for letter in "%&$#_{}"},
        **dict.fromkeys(" ,;:~/", " "),
        "!": "",
        "-": "",
        "\\": " ",
    }
)
FORMATS: Final = _names(
    "textbf textit texttt textsc textrm textsf textsl textup textmd textnormal text emph mathrm mathbf "
    "mathit mathsf mathtt mathcal mathfrak mathbb mathscr boldsymbol bm operatorname underline uline "
    "mbox hbox fbox ensuremath footnotesize uppercase lowercase section "
    "subsection paragraph footnote thanks title mathop mathnormal"
)
SWITCHES: Final = _names(
    "em bf it tt sc rm sf sl bfseries itshape ttfamily scshape rmfamily sffamily slshape mdseries upshape "
    "normalfont tiny scriptsize small normalsize large Large LARGE huge Huge centering noindent displaystyle "
    "textstyle boldmath protect xspace par item maketitle smallskip medskip bigskip newline linebreak "
    "left right big Big bigg Bigg limits nolimits"
)
SCRIPTS: Final = MappingProxyType({"textsuperscript": "^", "textsubscript": "_"})
COLOURS: Final = _names("textcolor color colorbox")
ADDRESSES: Final = _names("url href path nolinkurl")
DROPPED: Final = _names(
    "cite citep citet citealp citeauthor citeyear nocite ref eqref cref Cref autoref label vspace hspace "
    "begin end footnotemark phantom hphantom vphantom"
)
ABBREVIATIONS: Final = MappingProxyType(
    {
        "eg": "e.g.",
        "ie": "i.e.",
        "etal": "et al.",
        "etc": "etc.",
        "cf": "cf.",
        "vs": "vs.",
        "wrt": "w.r.t.",
        "aka": "a.k.a.",
        "Eg": "E.g.",
        "Ie": "I.e.",
    }
)
STRUCTURES: Final = _names(
    "frac dfrac tfrac sqrt binom hat widehat tilde widetilde bar overline vec dot ddot check breve acute "
    "grave mathbb overrightarrow stackrel underset overset"
)
# What pylatexenc does not know.
SYMBOLS: Final = MappingProxyType({"S": "§", "P": "¶", "bigstar": "★", "checkmark": "✓", "xmark": "✗"})
FUNCTIONS: Final = _names(
    "log ln exp sin cos tan max min argmax argmin sup inf lim det dim ker Pr gcd arg mod bmod lg sinh cosh "
    "tanh"
)
# Letters written as macros: the space behind them belongs to the macro.
EATS_SPACE: Final = _names("o O l L ae AE oe OE aa AA ss i j")

# Traces of LaTeX whose backslash somebody took away: "texttt{D}ual", "{approx}5{times}".
MANGLED_FORMATS: Final = (
    "text(?:tt|it|bf|sc|rm|sf|sl|up|normal)|emph|boldsymbol|operatorname|"
    "math(?:rm|bf|it|sf|tt|cal|bb|frak|scr)"
)
MANGLED_SYMBOLS: Final = (
    "times|approx|sim|cdot|pm|mp|leq|geq|neq|rightarrow|leftarrow|infty|alpha|beta|gamma|delta|epsilon|"
    "varepsilon|lambda|mu|pi|rho|sigma|tau|theta|phi|psi|omega|nabla|partial|ell|circ|propto"
)
