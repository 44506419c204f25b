"""Writing libraries: what is written is read back equal, and no text can begin an entry or a field."""

import json
import re
from dataclasses import replace

import pytest
from bibtexparser import parse_string
from hypothesis import given
from hypothesis import strategies as st
from rispy import loads

from digest.libraries import KINDS, LibraryPaper, read_library, write_bibtex, write_csl_json, write_ris
from digest.text import clean_lines, clean_text, plain
from tests.hostile_text import PIECES, hostile_text

WRITERS = {"bibtex": write_bibtex, "ris": write_ris, "csl": write_csl_json}
BREAKERS = [
    *PIECES, "},\n note = {", "}\n\n@misc{x, title={", '"', "\r\nER  - \r\nTY  - JOUR\r\n", "\nAU  - ", "@a{",
    "@a(", "ER  - ", "%", "--", "``", "''", " and ", "others", ",", "\\end", "\u2028", "\x0b", "{}", "\\",
]  # fmt: skip
text = st.lists(st.sampled_from(BREAKERS) | st.characters(), max_size=25).map("".join) | hostile_text
line = text.map(plain)
name = line.map(lambda one: " ".join(plain(one[:60].replace(",", " ")).split()))


def papers(kind: str) -> st.SearchStrategy[LibraryPaper]:
    return st.builds(
        LibraryPaper,
        title=text.map(lambda one: plain(f"T {one}")),
        abstract=line,
        authors=st.lists(name.filter(bool), max_size=4).map(tuple),
        arxiv_id=st.none() | st.sampled_from(["1706.03762", "math/0309136"]),
        doi=st.none()
        | st.sampled_from(
            ["10.1000/a_b(c)1", "10.1002/(sici)1(1998)1:1<1::a-x8>3.0.co;2-2", "10.1002/x;y#z&w%20"]
        ),
        other_ids=st.sampled_from([(), (("pmcid", "PMC12"), ("pmid", "31452104")), (("acl", "N19-1423"),)]),
        url=st.none() | st.sampled_from(["https://example.org/a_b%20c?d=e&f#g~h", "http://ü.example/@x(y"]),
        year=st.none() | st.integers(1500, 2099),
        venue=line.filter(lambda one: not re.match("(?i)arxiv|corr", one) and "rxiv" not in one.lower()),
        kind=st.sampled_from(KINDS),
        note=text.map(clean_lines),
    ).map(_as_read)


def _as_read(paper: LibraryPaper) -> LibraryPaper:
    """With what reading decides: an arXiv paper of no kind is a preprint."""
    return replace(paper, kind="preprint") if paper.arxiv_id and paper.kind == "other" else paper


@pytest.mark.parametrize("written", WRITERS)
@given(data=st.data())
def test_what_is_written_is_read_back_equal(written: str, data: st.DataObject) -> None:
    given_papers = tuple(data.draw(st.lists(papers(written), min_size=1, max_size=3)))
    found = read_library("", WRITERS[written](given_papers).encode())
    assert found.problems == ()
    assert tuple(replace(paper, line=None) for paper in found.papers) == given_papers


hostile_papers = st.builds(
    LibraryPaper,
    title=text,
    abstract=text,
    authors=st.lists(text, max_size=3).map(tuple),
    arxiv_id=st.none() | text,
    doi=st.none() | text.map(lambda one: "10.1000/" + one),
    other_ids=st.lists(st.tuples(st.sampled_from(["pmid", "acl", "x"]), text), max_size=2).map(tuple),
    url=st.none() | text.map(lambda one: "https://example.org/" + one),
    year=st.none() | st.integers(-(10**30), 10**30),
    venue=text,
    kind=st.sampled_from(KINDS) | text,
    note=text,
)


@given(st.lists(hostile_papers, min_size=1, max_size=3))
def test_other_programs_find_as_many_entries_as_were_written(given_papers: list[LibraryPaper]) -> None:
    """Whatever the fields hold, and with BibTeX's own rule that counts every brace."""
    bibtex = write_bibtex(given_papers)
    parsed = parse_string(bibtex)
    assert len(parsed.entries) == len(given_papers)
    assert parsed.failed_blocks == []
    assert parsed.comments == []
    depth = [0]
    for brace in re.findall(r"[{}]", bibtex):
        depth.append(depth[-1] + (1 if brace == "{" else -1))
    assert min(depth) == depth[-1] == 0
    assert depth.count(0) == len(given_papers) + 1
    records = loads(write_ris(given_papers), newline="\r\n")
    assert len(records) == len(given_papers)
    assert all("unknown_tag" not in record for record in records)
    assert len(json.loads(write_csl_json(given_papers))) == len(given_papers)


@given(st.lists(hostile_papers, max_size=4))
def test_keys_are_ascii_unique_and_stable(given_papers: list[LibraryPaper]) -> None:
    keys = re.findall(r"^@[a-z]+\{([^,]*),$", write_bibtex(given_papers), re.MULTILINE)
    assert len(set(keys)) == len(given_papers)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key) for key in keys)
    assert keys == re.findall(r"^@[a-z]+\{([^,]*),$", write_bibtex(given_papers), re.MULTILINE)
    assert [item["id"] for item in json.loads(write_csl_json(given_papers))] == keys


def test_keys_say_who_when_and_what() -> None:
    paper = LibraryPaper(title="The Ångström of “Öl”", authors=("Élodie Groß",), year=2024)
    written = write_bibtex([paper, paper, replace(paper, title="中文", authors=(), year=None)])
    assert re.findall(r"\{([a-z0-9-]+),", written) == [
        "gross-2024-angstrom",
        "gross-2024-angstrom-2",
        "paper",
    ]


def test_a_line_of_ris_never_holds_a_line_break() -> None:
    paper = LibraryPaper(
        title="a\nER  - \nTY  - JOUR", abstract="b\r\nAU  - x\x85ER  - \u2028c", note="d\n\ne"
    )
    lines = write_ris([paper]).split("\r\n")
    assert "TI  - a ER - TY - JOUR" in lines
    assert [one for one in lines if one.startswith("N1")] == ["N1  - d", "N1  - ", "N1  - e"]
    assert not any(re.search(r"[\n\r\x85\u2028]", one) for one in lines)


def test_specials_are_macros_and_pairs_of_braces() -> None:
    written = write_bibtex([LibraryPaper(title="50% of a_b & {c} \\d $5 #1 ~^<>|")])
    assert (
        r"{{50\% of a\_b \& \textbraceleft{}c\textbraceright{} \textbackslash{}d \$5 \#1 "
        r"\textasciitilde{}\textasciicircum{}\textless{}\textgreater{}\textbar{}}}" in written
    )


def test_nothing_is_written_of_no_papers() -> None:
    assert write_bibtex([]) == ""
    assert write_ris([]) == ""
    assert json.loads(write_csl_json([])) == []
    assert clean_text(write_csl_json([])) == "[]"


def test_a_name_that_ends_in_a_backslash_keeps_its_order() -> None:
    """The comma that RIS puts behind it is none of LaTeX's spaces."""
    paper = LibraryPaper(title="T", authors=("<a href=\\",))
    (back,) = read_library("x.ris", write_ris([paper]).encode()).papers
    assert back.authors == paper.authors
