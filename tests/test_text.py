"""Text from outside becomes plain text; ids, counts, days and addresses are read out of it."""

import json
import re
import sys
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest.text import (
    clean_text,
    latex_to_text,
    normalise,
    plain,
)
from tests.hostile_text import hostile_text

FORBIDDEN = set("\u061c\u200e\u200f\u2028\u2029\ufeff").union(
    map(chr, [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
)


def assert_is_plain(text: str, limit: int) -> None:
    assert len(text) <= limit
    text.encode("utf-8")
    assert unicodedata.is_normalized("NFC", text)
    assert not FORBIDDEN.intersection(text)
    assert text == " ".join(text.split())


# --- cleaning ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("a < b", "a < b"),
        ("x<y and z>w", "x<y and z>w"),
        ("bitrates (<0.05bpp), p<0.05 and <20% of it", "bitrates (<0.05bpp), p<0.05 and <20% of it"),
        ("emits <swi> or </think> and <|im_end|>", "emits <swi> or </think> and <|im_end|>"),
        ("<b>bold</b> and <i>slanted</i>", "bold and slanted"),
        ("<p>One.</p><p>Two.</p>", "One. Two."),
        ("<jats:p>One <jats:italic>in vivo</jats:italic></jats:p>", "One in vivo"),
        ("CO<sub>2</sub> at 10<sup>5</sup> Pa, 1<sup>st</sup>", "CO₂ at 10⁵ Pa, 1st"),
        ("<x onclick='alert(1)'>go</x>", "go</x>"),
        ("before <!-- not this --> after", "before after"),
        ("an opening <!-- without an end", "an opening <!-- without an end"),
        ("<![CDATA[kept]]>", "kept"),
        ("AT&amp;T", "AT&T"),
        ("AT&amp;amp;T &lt;b&gt;x", "AT&T x"),
        ("R&D at Example & Sons; a &nothing; b", "R&D at Example & Sons; a &nothing; b"),
        ("two\u2028lines\x85and\u00a0a\ttab", "two lines and a tab"),
        ("nul\0 bell\x07 esc\x1b[31m", "nul bell esc[31m"),
        ("left\u202eright\u2066\ufeffsoft\u00adhyphen", "leftrightsofthyphen"),
        ("lone \ud800 and paired \ud83d\ude00", "lone and paired 😀"),
        ("e\u0301", "é"),
        (b"caf\xc3\xa9 \xff", "café \ufffd"),
        (7, "7"),
        (None, ""),
        (True, ""),
        (["a"], ""),
        ({"a": 1}, ""),
    ],
)
def test_clean_text_leaves_text_and_takes_markup(raw: object, expected: str) -> None:
    """Tags go where they are tags, everything else that can be read stays."""
    assert clean_text(raw) == expected


def test_clean_text_survives_objects_that_cannot_be_written() -> None:
    """An object whose own text raises is no text."""

    class Unwritable:
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert clean_text(Unwritable()) == ""
    assert clean_text(10 ** (sys.get_int_max_str_digits() + 1)) == ""


def test_long_runs_of_accents_are_cut() -> None:
    """Ten marks on one letter are enough for any language; a tower of them breaks a mail's lines."""
    tower = "o" + "\u0332\u0338" * 500
    assert len(clean_text(tower)) <= 12


@given(hostile_text, st.integers(0, 60) | st.just(20_000))
def test_clean_text_is_idempotent_and_within_limit(raw: str, limit: int) -> None:
    """Cleaning what is clean changes nothing, whatever came in."""
    once = clean_text(raw, limit=limit)
    assert_is_plain(once, limit)
    assert clean_text(once, limit=limit) == once


@given(hostile_text, st.integers(0, 60) | st.just(20_000))
@example(r",\{}", 20_000)
def test_plain_is_idempotent_and_within_limit(raw: str, limit: int) -> None:
    """What was read once is read the same again, so that a paper seen twice does not look modified."""
    once = plain(raw, limit=limit)
    assert_is_plain(once, limit)
    assert plain(once, limit=limit) == once


@given(st.none() | st.booleans() | st.floats() | st.binary() | st.lists(st.integers()) | st.dates())
def test_plain_takes_anything(value: object) -> None:
    """No value raises."""
    assert_is_plain(plain(value), 20_000)


@pytest.mark.parametrize("name", ["blns.json", "xss-payload-list.txt"])
def test_hostile_corpora_become_plain_text(shared: Path, name: str) -> None:
    """Every known naughty string and script payload is plain text afterwards, and stays the same."""
    file = shared / "corpora" / name
    raw = file.read_text(encoding="utf-8", errors="replace")
    strings = json.loads(raw) if file.suffix == ".json" else raw.splitlines()
    assert len(strings) > 500
    for string in strings:
        once = plain(string)
        assert_is_plain(once, 20_000)
        assert plain(once) == once
        assert "<script>" not in once.lower()


# --- LaTeX ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (r"17.76\% of it", "17.76% of it"),
        (r"na\"{\i}ve", "naïve"),
        (r"\"Ust\"un, Fr\'echet, Erd\H{o}s, Fran\c{c}ois", "Üstün, Fréchet, Erdős, François"),
        (r"S\o ren and \L{}ukasz", "Søren and Łukasz"),
        (r"$\nabla^2$DFT", "∇²DFT"),
        (r"\textcolor[rgb]{1, 0, 0}{Code available", "Code available"),
        (r"\textcolor{red}{Code} here", "Code here"),
        (r"called {\em persistent homology}, which", "called persistent homology, which"),
        ("i.e.~points, e.g.,~SVD, Models~(LLMs), Stage~3", "i.e. points, e.g., SVD, Models (LLMs), Stage 3"),
        ("about ~95% or (~47k tools)", "about ~95% or (~47k tools)"),
        ("SL^{2}A-INR", "SL²A-INR"),
        ("O(n^2) and O(L^{{4}/{3}}) at 256^2", "O(n²) and O(L^(4/3)) at 256²"),
        (r"$O(n\log n)$, $10^{-4}$, $x_i^2$, $\pi_{0.5}$", "O(n log n), 10⁻⁴, x_i², π_0.5"),
        (r"$\mathbf{x}\in\mathbb{R}^{d}$ and $\mathcal{L}_{\text{task}}$", "x∈ℝ^d and L_task"),
        (r"a fixed \(TPP\), $n$ of $k$-means", "a fixed TPP, n of k-means"),
        (r"$\frac{a}{b}$ or \frac{1}{2}", "a/b or 1/2"),
        (r"$\text{5% of x} y$, $\sqrt[3]{x}$ and $x^{word}\label{here}$", "5% of x y, ³√(x) and x^word"),
        (r"$n \leq 5\%$ and 3% of $m$ here", "n ≤ 5% and 3% of m here"),
        ("MP_{+} and G_{stack}", "MP₊ and G_stack"),
        ("texttt{D}ual-texttt{H}ead", "Dual-Head"),
        ("up to {approx}5{times} or 256times256 or 2.7times more", "up to ≈5× or 256×256 or 2.7× more"),
        ("HyperZ{cdotZ{cdot}W} is HyperZcdotZcdotW", "HyperZ·Z·W is HyperZ·Z·W"),
        ("sim6% but sim2real", "~6% but sim2real"),
        (r"our \overfeat network, \short\ to, \model~is, \ours{}, a",
         "our overfeat network, short to, model is, ours, a"),
        (r"(\eg BERT), Doe \etal.", "(e.g. BERT), Doe et al."),
        (r"\textbf{A \emph{b} c} \textsc{D}", "A b c D"),
        (r"see~\cite{doe2020} and \S2", "see and §2"),
        (r"Embedding\&MLP, 19.63\,FPS, vs.\ 33", "Embedding&MLP, 19.63 FPS, vs. 33"),
        ("a ``quoted word'' here", "a “quoted word” here"),
        (r"\url{https://example.org/a_b%20c} or \href{https://example.org/x}{here}",
         "https://example.org/a_b%20c or here (https://example.org/x)"),
        ("at https://example.org/x{GitHub}.", "at https://example.org/x (GitHub)."),
        (r"m\textsuperscript{2}, 2\textsuperscript{nd}", "m², 2nd"),
        ("R^2{=}0.86 and 1{,}182", "R²=0.86 and 1,182"),
    ],
)  # fmt: skip
def test_latex_remains_become_unicode(raw: str, expected: str) -> None:
    """What authors typed reads as they meant it."""
    assert plain(raw) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Nothing to do here: 50% of it, a_b, #1 & more",
        "costs $5 and $7",
        "$8.1 per manuscript, US$44 in charges, under $3, from $1.5/hour to $2/hour",
        "https://example.org/a_b%20c?x=1_2&y=~z and http://example.org/~ada/^2",
        "set {Qwen3-4B, 8B, 14B} and {x}",
        r"C:\Users\ada\n and \d+ and \xE2\x80",
        r"¯\_(ツ)_/¯",
        "{{ template }}",
        "c^* in R^d, x~N(0,1)",
        "$",
        "\\",
        "}{",
        r"\frac{1}",
        r"$\sqrt[word]{b}$",
        r"\cite{nothing-else}",
    ],
)
def test_what_is_not_latex_stays(text: str) -> None:
    """Prices, addresses, sets, paths and what cannot be read come back as they were."""
    assert plain(text) == text


@given(st.text(st.characters(exclude_characters="\\${}~^_`'", exclude_categories=["Cs"])))
def test_text_without_latex_letters_is_unchanged(text: str) -> None:
    """Without a backslash, dollar, brace, tie or caret there is nothing to rewrite."""
    if not any(trace in text for trace in ("times", "cdot", "sim")):
        assert latex_to_text(text) is text


@given(st.lists(st.from_regex(r"[A-Za-z]{3,9}", fullmatch=True), min_size=1), st.sampled_from("%$~{}\\"))
def test_no_word_is_lost(words: list[str], letter: str) -> None:
    """A stray letter of LaTeX anywhere in prose costs no word (pylatexenc alone drops half a line)."""
    converted = plain(f"{letter} ".join(words) + f"{letter} end")
    assert [word for word in words if word not in converted] == []


def test_deep_nesting_is_no_danger() -> None:
    """Thousands of open formulas neither raise nor take long."""
    for piece in ("{", "$x^{", "\\frac{", "\\textbf{", "\\(", "{\\em "):
        assert isinstance(latex_to_text(piece * 5000), str)
        assert isinstance(latex_to_text(piece * 5000 + "}" * 5000), str)


def test_real_texts_lose_no_words(shared: Path) -> None:
    """Every word of the real titles and abstracts that is no macro is there afterwards."""
    texts = [
        text
        for file in sorted((shared / "pages" / "seeds").glob("*.txt"))
        for text in file.read_text(encoding="utf-8").splitlines()
    ]
    for file in sorted((shared / "pages" / "huggingface" / "daily").glob("*.json")):
        papers = [item["paper"] for item in json.loads(file.read_text(encoding="utf-8"))]
        texts += [paper[key] for paper in papers for key in ("title", "summary")]
    changed, macros = 0, {"textit", "textsc", "textbf", "texttt", "approx", "times", "cdot"}

    def words_of(text: str) -> list[str]:
        apart = re.sub("(?<=[0-9A-Z{])(times|cdot)", r" \\1 ", text)
        return [word for word in normalise(apart).split() if word.isalpha() and len(word) > 3]

    for text in texts:
        before, after = clean_text(text), plain(text)
        changed += before != after
        kept = normalise(after)
        lost = {word for word in words_of(before) if word not in kept}
        assert lost <= macros, text
    assert changed > 100


# --- time ----------------------------------------------------------------------------------------

MEGABYTE = 1_000_000
ATTACKS = [
    "<", "<b ", "</", "<!--", "<![CDATA[", "&amp;", "&", "\u0301\u0323", "{", "}{", "\\", "\\foo{", "\\(",
    "$", "$a ", "^", "^1", "_{", "~", "``", "https://", "\\cite{", '<a href="', "a ", "\x1b", "<sup>1", "\\'",
    "<x y=",
]  # fmt: skip


@pytest.mark.parametrize("piece", ATTACKS)
@pytest.mark.parametrize(
    "function", [lambda text: plain(text, limit=MEGABYTE), normalise], ids=["plain", "normalise"]
)
def test_hostile_text_takes_linear_time(function: Callable[[str], str], piece: str) -> None:
    """Four times the text takes about four times the time, not sixteen."""

    def seconds(length: int) -> float:
        text = (piece * (length // len(piece) + 1))[:length]
        start = time.process_time()
        function(text)
        return time.process_time() - start

    seconds(1000)
    assert seconds(160_000) < max(seconds(40_000), 0.05) * 10


def test_a_hostile_megabyte_is_read_in_seconds() -> None:
    """All attacks in one text, without the usual cap."""
    text = "".join(attack * (MEGABYTE // len(ATTACKS) // len(attack)) for attack in ATTACKS)
    start = time.process_time()
    assert_is_plain(plain(text, limit=MEGABYTE), MEGABYTE)
    assert time.process_time() - start < 20
