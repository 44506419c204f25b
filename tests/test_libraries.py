"""Reading libraries: every good entry of a file is a paper, and of every other the line is told."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.libraries import MAX_BYTES, MAX_PAPERS, Library, LibraryPaper, read_library
from tests.hostile_text import PIECES, hostile_text


def read(text: str, name: str = "") -> Library:
    return read_library(name, text.encode("utf-8", "replace"))


def only(text: str, name: str = "") -> LibraryPaper:
    found = read(text, name)
    assert found.problems == ()
    assert len(found.papers) == 1, found
    return found.papers[0]


# --- BibTeX ----------------------------------------------------------------------------------------


def test_an_entry_of_bibtex_is_read_with_all_that_it_says() -> None:
    paper = only(r"""
        @string{neurips = "Advances in NeurIPS"}
        @InProceedings{vaswani,
          title = {{A}ttention {Is All} You Need: $\alpha$ \& {G{\"o}del}},
          author = "Vaswani, Ashish and Noam Shazeer and {Google Brain} and King, Jr, Martin and others",
          booktitle = neurips # " " # 30, year = 2017,
          eprint = {1706.03762v5}, archiveprefix = {arXiv},
          doi = {https://doi.org/10.5555/3295222}, url = {https://example.org/a\_b?c=d%20e},
          abstract = {The dominant
             models.},
          annote = {read on the train
             twice},
        }""")
    assert paper == LibraryPaper(
        title="Attention Is All You Need: α & Gödel",
        abstract="The dominant models.",
        authors=("Ashish Vaswani", "Noam Shazeer", "Google Brain", "Martin King Jr"),
        arxiv_id="1706.03762",
        doi="10.5555/3295222",
        url="https://example.org/a_b?c=d%20e",
        year=2017,
        venue="Advances in NeurIPS 30",
        kind="conference",
        line=3,
        note="read on the train\ntwice",
    )


@pytest.mark.parametrize(
    "fields",
    [
        "eprint = {2005.14165}",
        "journal = {arXiv preprint arXiv:2005.14165}",
        "url = {http://arxiv.org/abs/2005.14165v2}",
        r"note = {\url{https://arxiv.org/abs/2005.14165}}",
        r"howpublished = {\url{https://arxiv.org/pdf/2005.14165.pdf}}",
        "doi = {10.48550/arXiv.2005.14165}",
    ],
)
def test_an_arxiv_id_is_found_wherever_programs_put_it(fields: str) -> None:
    paper = only(f"@misc{{a, title = {{T}}, {fields}}}")
    assert (paper.arxiv_id, paper.kind, paper.venue, paper.doi) == ("2005.14165", "preprint", "", None)


def test_good_entries_are_taken_although_others_are_broken() -> None:
    found = read(
        "@article{a, title={One}}\n"
        "@article{broken, title={Two\n"
        "@article{b, title={Three}}\n"
        "@article{b, title={The same key}, title={twice}}\n"
        "@book{no_comma title={x}}\n"
        "@misc{nothing, note={x}}\n"
        "@comment{ignored}\n"
        "@article(c, title={In parentheses})\n"
    )
    assert [paper.title for paper in found.papers] == ["One", "Three", "The same key", "In parentheses"]
    assert [problem.split(":")[0] for problem in found.problems] == ["line 2", "line 5", "line 6"]
    assert "“nothing” has neither a title nor" in found.problems[2]


def test_entries_of_other_programs_with_other_ids_and_dates() -> None:
    paper = only(
        "@online{x, title={T}, subtitle={S}, date={2021-03-04}, eprint={31452104}, eprinttype={pubmed},"
        " pmcid={PMC123}, s2={no id}, journaltitle={Nature}}"
    )
    assert paper.other_ids == (("pmcid", "PMC123"), ("pmid", "31452104"))
    assert (paper.title, paper.year, paper.venue, paper.arxiv_id) == ("T: S", 2021, "Nature", None)


def test_spaces_and_a_line_around_the_type_of_an_entry_hide_it_not() -> None:
    found = read(
        "@ article {a, title={A}}\n@book\n{b,\n title={B}}\n  @\tMisc {c, title={C}}\n@misc{d, note={x}}\n"
    )
    assert [(one.line, one.title, one.kind) for one in found.papers] == [
        (1, "A", "article"),
        (2, "B", "book"),
        (5, "C", "other"),
    ]
    assert found.problems[0].startswith("line 6: ")


@pytest.mark.parametrize("value", ["{No {comma} here, a = {b}}", '"No {comma} here, a = {b}"'])
def test_a_missing_comma_between_two_fields_joins_them_not(value: str) -> None:
    paper = only(f"@article{{a, title = {value}\n  year = 2007\n  doi={{10.5555/a}}, journal={{Nature}}}}")
    assert paper.title == "No comma here, a = b"
    assert (paper.year, paper.doi, paper.venue) == (2007, "10.5555/a", "Nature")


def test_a_rich_library_is_none_of_braces_and_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs export twenty fields, each in braces of its own; what is no more than marks is refused."""
    fields = ",\n".join(f"f{number} = {{{{one, two}}}}" for number in range(20))
    words = "words of an abstract, " * 40
    entry = f"@article{{k, title={{{{T}}}}, abstract={{{words}}},\n{fields}}}\n"
    monkeypatch.setattr("digest.libraries.bibtex.MAX_MARKS", 1000)
    assert len(read(20 * entry).papers) == 20
    assert read("@article{k, a={" + "{},=" * 1000 + "}}").problems == (
        "the file is no library: it is made of braces and commas",
    )


@pytest.mark.parametrize(
    ("less", "greater"),
    [("<", ">"), (r"{\textless}", r"{\textgreater}"), (r"\textless{}", r"\textgreater{}"), ("$<$", "{$>$}")],
)
def test_a_doi_keeps_its_brackets_however_they_are_written(less: str, greater: str) -> None:
    """Without what follows them it would be that of every paper of the issue."""
    paper = only(
        f"@article{{a, title={{T}}, doi={{10.1002/(SICI)1097(1998)17:15{less}16::A-X8{greater}3.0.CO;2-2}}}}"
    )
    assert paper.doi == "10.1002/(sici)1097(1998)17:15<16::a-x8>3.0.co;2-2"


# --- RIS -------------------------------------------------------------------------------------------


def test_a_record_of_ris_is_read_with_all_that_it_says() -> None:
    paper = only(
        "TY  - CPAPER\r\nAU  - Smith, John, Jr.\r\nA1  - Doe, J.\r\nTI  - A title\r\n  that goes on\r\n"
        "PY  - 2017/06//\r\nT2  - ICML\r\nDO  - 10.1000/ABC\r\nUR  - https://arxiv.org/abs/1706.03762\r\n"
        "AN  - pmid:31452104\r\nAB  - About.\r\nN1  - one\r\nN1  - two\r\nER  - \r\n"
    )
    assert paper == LibraryPaper(
        title="A title that goes on",
        abstract="About.",
        authors=("John Smith Jr.", "J. Doe"),
        arxiv_id="1706.03762",
        doi="10.1000/abc",
        other_ids=(("pmid", "31452104"),),
        url="https://arxiv.org/abs/1706.03762",
        year=2017,
        venue="ICML",
        kind="conference",
        line=1,
        note="one\ntwo",
    )


def test_a_broken_record_of_ris_harms_no_other() -> None:
    found = read("junk\nTY  - JOUR\nTI  - One\nTY  - JOUR\nTI  - Two\nER  - \nTY  - JOUR\nER  -\n", "x.ris")
    assert [paper.title for paper in found.papers] == ["One", "Two"]
    assert [problem.split(" ")[:2] for problem in found.problems] == [
        ["line", "1"],
        ["line", "2"],
        ["line", "7:"],
    ]


# --- CSL-JSON and lists ----------------------------------------------------------------------------


def test_csl_json_is_read_from_zotero_and_from_crossref() -> None:
    found = read(
        '[{"type": "article", "title": "A <i>b</i>", "number": "arXiv:1706.03762", "PMID": 31452104,'
        ' "author": [{"family": "Smith", "given": "Jo"}, {"literal": "CERN"}, 3],'
        ' "issued": {"date-parts": [["2017", 6]]}, "note": "one\\ntwo"},'
        ' {"title": ["From Crossref"], "container-title": ["Nature"], "DOI": "10.1/X"}, 3, {}]'
    )
    first, second = found.papers
    assert first.authors == ("Jo Smith", "CERN")
    assert (first.title, first.arxiv_id, first.year, first.kind) == ("A b", "1706.03762", 2017, "preprint")
    assert (first.note, first.other_ids) == ("one\ntwo", (("pmid", "31452104"),))
    assert (second.title, second.venue) == ("From Crossref", "Nature")
    assert found.problems == ("item 3 is no paper", "item 4 has neither a title nor an arXiv id or DOI")


@pytest.mark.parametrize("is_answer", [False, True])
@pytest.mark.parametrize("is_object", [False, True])
def test_a_file_of_zoteros_own_items_is_read_without_notes_and_files(
    is_answer: bool, is_object: bool
) -> None:
    items: list[dict[str, object]] = [
        {
            "itemType": "journalArticle",
            "title": "One",
            "abstractNote": "Of it.",
            "DOI": "10.5555/a",
            "date": "2001",
            "creators": [{"creatorType": "author", "firstName": "Ada", "lastName": "Example"}],
        },
        {"itemType": "note", "note": "x"},
        {"itemType": "attachment", "title": "Full Text PDF"},
    ]
    if is_answer:
        items = [{"key": "A", "data": one} for one in items]
    paper = only(json.dumps({"items": items} if is_object else items))
    assert (paper.title, paper.abstract, paper.authors) == ("One", "Of it.", ("Ada Example",))
    assert (paper.doi, paper.year, paper.kind) == ("10.5555/a", 2001, "article")


def test_a_list_has_ids_titles_and_links_in_any_order() -> None:
    found = read(
        "# my papers\n1706.03762\n- Attention is all you need (arXiv:1706.03762)\n\n"
        "https://arxiv.org/abs/2005.14165v2\n3. doi: 10.1038/nature123 A great paper\n"
        "Deep learning: a survey of 2017\npmid:31452104\n---\nhttps://example.org/x\n"
    )
    assert [(one.line, one.title, one.arxiv_id, one.doi) for one in found.papers] == [
        (2, "", "1706.03762", None),
        (3, "Attention is all you need", "1706.03762", None),
        (5, "", "2005.14165", None),
        (6, "A great paper", None, "10.1038/nature123"),
        (7, "Deep learning: a survey of 2017", None, None),
        (8, "", None, None),
    ]
    assert found.papers[-1].other_ids == (("pmid", "31452104"),)
    assert [problem.split(" ")[1] for problem in found.problems] == ["9", "10"]


@pytest.mark.parametrize(
    "line",
    [
        "2101.00001, 2101.00002v2; 10.5555/a",
        "2101.00001,2101.00002,10.5555/a",
        "https://arxiv.org/abs/2101.00001 | https://arxiv.org/pdf/2101.00002v1.pdf | https://doi.org/10.5555/a",
        "arXiv:2101.00001 arXiv:2101.00002 (doi:10.5555/A).",
    ],
)
def test_a_line_of_nothing_but_ids_is_a_paper_for_each(line: str) -> None:
    found = read(line)
    assert [(one.arxiv_id or one.doi, one.title, one.line) for one in found.papers] == [
        ("2101.00001", "", 1),
        ("2101.00002", "", 1),
        ("10.5555/a", "", 1),
    ]
    assert found.problems == ()


def test_two_ids_of_one_paper_are_one_paper() -> None:
    for line in (
        "arXiv:2101.00001 10.5555/a",
        "2101.00001 https://arxiv.org/pdf/2101.00001v3",
        "A title 2101.00001",
    ):
        assert only(line).arxiv_id == "2101.00001"


@pytest.mark.parametrize(
    ("line", "doi"),
    [
        ("<https://doi.org/10.5555/abc>.", "10.5555/abc"),
        ("10.5555/s0140(20)30183(5)", "10.5555/s0140(20)30183(5)"),
        ("(see 10.5555/abc).", "10.5555/abc"),
        ("“10.5555/abc”,", "10.5555/abc"),
        ("10.5555/abc # to be read", "10.5555/abc"),
    ],
)
def test_what_stands_around_an_id_is_none_of_it(line: str, doi: str) -> None:
    paper = only(line)
    assert (paper.doi, paper.title) == (doi, "see" if "see" in line else "")


def test_an_id_that_is_none_is_no_title() -> None:
    found = read("9999.99999\n2613.00001, 10.5555/\nAppendix 7\n")
    assert [one.title for one in found.papers] == ["Appendix 7"]
    assert found.problems == (
        "line 1: “9999.99999” is neither an id nor a title",
        "line 2: “2613.00001, 10.5555/” is neither an id nor a title",
    )


def test_an_id_of_pubmed_central_needs_no_name() -> None:
    assert only("PMC1234567").other_ids == (("pmcid", "PMC1234567"),)


# --- what a file is --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("\nPMID- 31452104\nOWN - NLM\nTI  - A title\n", "PubMed"),
        ("%0 Journal Article\n%T A title\n", "EndNote"),
        ("FN Clarivate Analytics Web of Science\nVR 1.0\nPT J\n", "Web of Science"),
        ('"Key","Item Type","Publication Year","Title"\n"A","x","2001","T"\n', "a table"),
        ("title,authors,year,venue\nOne,Ada Example,2001,\n", "a table"),
        ("id\tTitle\tdoi\n1\tOne\t10.5555/a\n", "a table"),
    ],
)
def test_another_format_is_told_and_no_line_of_it_is_a_title(text: str, what: str) -> None:
    found = read(text, "x.txt")
    assert found.papers == ()
    assert found.problems[0].startswith(f"the file is {what}")
    assert len(found.problems) == 1


@pytest.mark.parametrize(
    "text", ["What is in a title, a name, a word\n2101.00001\n", "Title\nAnother, one, two\n"]
)
def test_titles_with_commas_are_no_table(text: str) -> None:
    assert len(read(text).papers) == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
@pytest.mark.parametrize("name", ["", "x.bib", "x.ris", "x.txt", "../../etc/passwd"])
def test_a_file_is_recognised_by_its_content_in_every_encoding(encoding: str, name: str) -> None:
    found = read_library(name, "@misc{a,\r\n title = {Gödel’s «é»}}".replace("’", "'").encode(encoding))
    assert [paper.title for paper in found.papers] == ["Gödel's «é»"]


def test_the_name_is_a_hint_where_the_content_says_nothing() -> None:
    assert [paper.title for paper in read("Some title").papers] == ["Some title"]
    assert read("Some title", "refs.bib").problems == ("the file has no BibTeX entries",)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"%PDF-1.7 x", "no text"),
        (b"PK\x03\x04", "no text"),
        (b"a\0b", "no text"),
        (b"<!DOCTYPE html><p>", "web page"),
        (b"<?xml version='1.0'?>", "XML"),
        (b"[", "cut off"),
        (b"[" * 100_000, "too deeply"),
        (b'{"items": 3}', "no list"),
        (b'["a"]', "no paper"),
        (b"@article{", "cannot be read"),
        (b"x" * (MAX_BYTES + 1), "larger than 8 MiB"),
    ],
)
def test_what_is_no_library_is_told_in_words(data: bytes, told: str) -> None:
    found = read_library("", data)
    assert found.papers == ()
    assert told in found.problems[0]


def test_problems_are_few_however_many_there_are() -> None:
    found = read("@misc{a, note={x}}\n" * 500)
    assert len(found.problems) == 51
    assert found.problems[-1] == "and 450 more like these"


def test_no_more_papers_are_read_than_are_allowed() -> None:
    found = read("".join(f"10.5555/{n}\n" for n in range(MAX_PAPERS + 7)))
    assert len(found.papers) == MAX_PAPERS
    assert found.problems == ("nothing was read beyond 20,000 papers",)


FULL_ENTRY = (
    "@article{key%d,\n title = {A {T}itle of paper %d},\n author = {A. B{\\'e} and C, D and E F},\n"
    " year = 2020, journal = jan # { x}, abstract = {" + "words of an abstract " * 9 + "}\n}\n"
)
HOSTILE = {
    "a large library": "".join(FULL_ENTRY % (n, n) for n in range(20_000)),
    "open braces": "@article{a, title={" + "{" * 4_000_000,
    "closed braces": "@article{a, title={x}" + "}" * 4_000_000,
    "deep nesting": "@article{a, title={" + "{" * 500_000 + "x" + "}" * 500_000 + "}}",
    "one field of megabytes": "@article{a, title={" + "a {\\'e} $x_1$ " * 500_000 + "}}",
    "entries in entries": "@a{" * 2_700_000,
    "entries at line starts": "\n@a(" * 2_000_000,
    "many fields": "@a{k," + "".join(f"f{n}={{x}},\n" for n in range(600_000)) + "}",
    "names without end": "@a{k, title={x}, author={" + "A and " * 1_300_000 + "}}",
    "abbreviations of abbreviations": "@string{a={" + "x" * 300 + "}}\n"
    + "".join(f"@string{{a{n}={' # '.join(['a'] * 30)}}}\n" for n in range(2000))
    + "".join(f"@a{{k{n}, title={' # '.join(['a1'] * 30)}}}\n" for n in range(20_000)),
    "blanks": "@a" + " " * 8_000_000,
    "at signs": "@" * 8_000_000,
    "one record": "TY  - JOUR\n" + "more and more\n" * 500_000,
    "records": "TY  - JOUR\nER  - \n" * 400_000,
    "tags": "TY  - JOUR\nTI  - x\n" + "AU  - a\n" * 900_000,
    "one long line": "word " * 1_600_000,
    "many lines": "a\n" * 4_000_000,
    "a list of lists": "[" + "[]," * 2_500_000 + "[]]",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_the_time_for_a_file_is_bounded_whatever_is_in_it(name: str) -> None:
    """Eight megabytes take some seconds at worst, on a machine that has other things to do."""
    data = HOSTILE[name].encode()
    assert len(data) <= MAX_BYTES
    began = time.process_time()
    read_library("", data)
    assert time.process_time() - began < 12


@given(
    st.sampled_from(["", "@article{a, title={", "TY  - JOUR\nTI  - ", '[{"title": "', "@string{a="]),
    st.lists(
        st.sampled_from([*PIECES, "\n", "@a{b,", "=", '"', "#", "\nER  - \n", "\nAU  - ", " and ", ","])
    ),
    hostile_text,
)
def test_nothing_that_is_written_makes_it_raise(begin: str, pieces: list[str], rest: str) -> None:
    data = (begin + "".join(pieces) + rest).encode("utf-8", "surrogatepass")
    found = read_library("x.bib", data)
    assert found.papers or found.problems or not data.strip()
    assert all("\n" not in one for one in found.problems)


@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    for prefix in (b"", b"\xff\xfe", b"@a{", b"TY  - A\n", b"[{"):
        read_library("", prefix + data)
