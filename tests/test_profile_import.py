"""Profiles brought along and given back by the command line: files of all kinds, matched and split."""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.libraries import LibraryPaper
from digest.pipeline.brought import Brought, read_brought
from digest.pipeline.profile_import import SPLIT_FROM
from digest.pipeline.recognising import distinct
from tests.cli_runner import ok, run
from tests.daily_server import DailyServer, item, serving
from tests.test_main_job import configure

READER = "ada@example.org"
DAY = "2026-01-12"
LIKED = "Papers you liked"

# The first is stored by its id, the second by its title, the third waits, the fourth has a title alone.
BIBTEX = """
@misc{a, title={Another title here}, eprint={2601.90001}, archivePrefix={arXiv}, year={2026}}
@article{b, title={Invented Paper: Number 2}, author={Example, Ada}, journal={Journal of Examples}}
@article{c, title={A paper to come}, doi={10.5555/to.come}, year={2019}, author={Sample, Bo},
  abstract={Of things to come.}, annote={read twice}}
@inproceedings{d, title={Nobody knows this}, author={Example, Ada and Sample, Bo}, year={1999}}
@article{e, title={Broken off
@article{f, title={Invented paper number 3}}
"""


@pytest.fixture
def server() -> Iterator[DailyServer]:
    """Five papers are stored, and there is a reader."""
    days = {DAY: [item(number) for number in range(1, 6)]}
    with serving(DailyServer(days)) as site:
        configure(site.url)
        ok("refresh", "--date", DAY)
        ok("subscriber", "add", READER, "--active")
        yield site


def write(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def bring(*words: str, reader: str = READER) -> dict[str, Any]:
    found = ok("profile", "import", reader, *words, "--json", "--now", f"{DAY}T20:00:00Z").json
    assert set(found) == {"matched", "pending", "unmatched", "interests"}
    return dict(found)


def shown(reader: str = READER) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in ok("profile", "show", reader, "--json").json["interests"]}


def titles(name: str = LIKED, reader: str = READER) -> list[str]:
    rows = ok("interest", "list", reader, "--json").json
    return next((list(row["examples"]) for row in rows if row["name"] == name), [])


class TestALibrary:
    def test_is_matched_waits_or_is_told(self, server: DailyServer) -> None:
        found = bring(write("refs.bib", BIBTEX))
        assert (found["matched"], found["pending"]) == (3, 1)
        broken, untold = found["unmatched"]
        assert broken.startswith("refs.bib, line 7: an entry that cannot be read")
        assert untold.startswith("refs.bib, line 6: “Nobody knows this” is not stored here")
        assert found["interests"] == [{"name": LIKED, "papers": 5}]
        assert titles() == [
            "Invented paper number 1",
            "Invented paper number 2",
            "A paper to come",
            "Nobody knows this",
            "Invented paper number 3",
        ]
        assert (shown()[LIKED]["papers"], shown()[LIKED]["pending"]) == (5, 2)

    def test_brought_again_changes_nothing(self, server: DailyServer) -> None:
        first = bring(write("refs.bib", BIBTEX))
        before = ok("profile", "export", READER).out
        again = bring("refs.bib")
        assert again == first | {"interests": []}
        assert ok("profile", "export", READER).out == before

    def test_a_dry_run_changes_nothing_and_says_the_same(self, server: DailyServer) -> None:
        before = ok("profile", "export", READER).out, ok("papers", "list", "--json").json
        dry = bring(write("refs.bib", BIBTEX), "--dry-run")
        assert (ok("profile", "export", READER).out, ok("papers", "list", "--json").json) == before
        assert bring("refs.bib") == dry

    def test_what_waits_is_matched_once_it_is_read(self, server: DailyServer) -> None:
        """By its id where it has one, by its title else; what was told of it stays."""
        bring(write("ids.txt", "2601.90008\nInvented paper number 9, by hand\nInvented paper number 9\n"))
        assert shown()[LIKED]["pending"] == 3
        server.days["2026-01-13"] = [item(8), item(9)]
        ok("refresh", "--date", "2026-01-13")
        assert shown()[LIKED]["pending"] == 1
        assert titles() == [
            "Invented paper number 8",
            "Invented paper number 9, by hand",
            "Invented paper number 9",
        ]
        assert bring("ids.txt")["matched"] == 2

    def test_a_title_and_an_id_that_came_to_be_one_paper_count_once(self, server: DailyServer) -> None:
        found = bring(write("both.txt", "Invented paper number 2\n2601.90002\n2601.90001\n"))
        assert (found["matched"], found["pending"]) == (2, 0)
        assert found["interests"] == [{"name": LIKED, "papers": 2}]

    def test_of_any_format_is_read(self, server: DailyServer) -> None:
        files = {
            "a.ris": "TY  - JOUR\nTI  - Of a RIS\nDO  - 10.5555/ris\nER  - \n",
            "b.json": '[{"type": "article", "title": "Of a CSL", "DOI": "10.5555/csl"}]',
            "c.txt": "arXiv:2101.00002\n",
        }
        found = bring(*(write(name, text) for name, text in files.items()))
        assert (found["pending"], found["unmatched"]) == (3, [])
        assert titles() == ["Of a RIS", "Of a CSL", "arXiv:2101.00002"]

    def test_is_read_from_standard_input(self, server: DailyServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BIBTEX.encode())))
        assert bring("-")["matched"] == 3

    def test_goes_into_the_interest_that_is_named(self, server: DailyServer) -> None:
        found = bring(write("refs.bib", BIBTEX), "--interest", "My <b>work</b>")
        assert found["interests"] == [{"name": "My work", "papers": 5}]
        assert list(shown()) == ["My work"]

    def test_the_same_paper_of_two_files_comes_once(self, server: DailyServer) -> None:
        write("one.bib", "@misc{a, title={Same}, eprint={2101.00001}, archivePrefix={arXiv}}")
        write("two.ris", "TY  - JOUR\nTI  - Same\nDO  - 10.5555/same\nAB  - Of words.\nER  - \n")
        assert bring("one.bib", "two.ris")["pending"] == 1
        (paper,) = json.loads(ok("profile", "export", READER, "--format", "csl").out)
        assert (paper["DOI"], paper["number"], paper["abstract"]) == (
            "10.5555/same",
            "arXiv:2101.00001",
            "Of words.",
        )

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            ((), "say what to import"),
            (("nowhere.bib",), "cannot be read"),
            (("empty.bib",), "no papers were found; empty.bib, the file is empty"),
            (("refs.bib", "--interest", "A", "--split"), "not both"),
            (("refs.bib", "--interest", " "), "needs a name"),
            (("page.rdf",), "Zotero RDF"),
        ],
    )
    def test_what_is_none_is_refused_in_words(
        self, server: DailyServer, words: tuple[str, ...], told: str
    ) -> None:
        write("empty.bib", "")
        write("refs.bib", BIBTEX)
        write("page.rdf", "<rdf:RDF xmlns='x'></rdf:RDF>")
        ran = run("profile", "import", READER, *words)
        assert (ran.code, ran.out) == (2, "")
        assert told in ran.err

    def test_needs_a_reader(self, server: DailyServer) -> None:
        ran = run("profile", "import", "bo@example.org", write("refs.bib", BIBTEX))
        assert ran.code == 2
        assert "nobody is subscribed" in ran.err

    def test_that_is_too_large_for_an_interest_changes_nothing(
        self, server: DailyServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("digest.pipeline.profile_import.MAX_EXAMPLES", 3)
        ran = run("profile", "import", READER, write("refs.bib", BIBTEX), "--no-split")
        assert "at most 3 papers" in ran.err
        assert len(ok("papers", "list", "--json").json) == 5
        assert shown() == {}


TOPICS = {
    "protein folding": "amino acid chains fold into structures of residues and enzymes",
    "graph networks": "nodes and edges pass messages in molecular graphs with vertices",
    "speech recognition": "acoustic phonemes of spoken audio are transcribed by listeners",
}


def library(per_topic: int = 14) -> str:
    """Papers of three topics, in turn; each has a few words of its own."""
    entries = []
    for number in range(per_topic):
        for place, (topic, words) in enumerate(TOPICS.items()):
            some = " ".join(words.split()[number % 3 :: 1])
            entries.append(
                f"@article{{k{number}x{place}, title={{Advances in {topic} part {chr(97 + number)}}}, "
                f"doi={{10.5555/{place}.{number}}}, abstract={{{some} for {topic} and {topic}}}}}"
            )
    return "\n".join(entries)


class TestALongLibrary:
    def test_is_split_into_its_topics_with_names_of_their_words(self, server: DailyServer) -> None:
        found = bring(write("long.bib", library()))
        assert [one["papers"] for one in found["interests"]] == [14, 14, 14]
        names = [one["name"] for one in found["interests"]]
        for topic in TOPICS:
            assert [topic in name for name in names].count(True) == 1
        assert set(shown()) == set(names)
        assert all(topic in title for topic in TOPICS for name in names if topic in name
                   for title in titles(name))  # fmt: skip

    def test_is_split_alike_whatever_its_order(self, server: DailyServer) -> None:
        entries = library().split("\n")
        write("one.bib", "\n".join(entries))
        write("two.bib", "\n".join(reversed(entries)))
        one, two = (bring(name, "--dry-run")["interests"] for name in ("one.bib", "two.bib"))
        assert one == two

    def test_stays_together_if_it_is_said(self, server: DailyServer) -> None:
        found = bring(write("long.bib", library()), "--no-split")
        assert found["interests"] == [{"name": LIKED, "papers": 42}]
        assert len(titles()) == 42

    def test_is_long_from_a_number_on_or_if_it_is_said(self, server: DailyServer) -> None:
        entries = library().split("\n")
        few = write("few.bib", "\n".join(entries[: SPLIT_FROM - 1]))
        assert len(bring(few, "--dry-run")["interests"]) == 1
        assert len(bring(few, "--dry-run", "--split")["interests"]) > 1
        assert len(bring(write("more.bib", "\n".join(entries[:SPLIT_FROM])), "--dry-run")["interests"]) > 1

    def test_that_grew_brings_only_what_is_new(self, server: DailyServer) -> None:
        bring(write("long.bib", library()))
        write("long.bib", library() + "\n@article{new, title={A new one}, doi={10.5555/new}}")
        found = bring("long.bib")
        assert (found["pending"], found["interests"]) == (43, [{"name": LIKED, "papers": 1}])

    def test_works_where_nothing_is_stored(self) -> None:
        configure("http://127.0.0.1:9")
        ok("subscriber", "add", READER, "--active")
        assert len(bring(write("long.bib", library()))["interests"]) == 3


OPML = """<?xml version="1.0"?>
<opml version="2.0"><body>
 <outline text="Retrieval"><outline text="late interaction^2"/><outline text="dense retrieval"/>
  <outline text="Ada Example" type="author"/><outline text="images" type="not"/>
  <outline text="A blog" xmlUrl="https://blog.example.org/feed"/>
  <outline text="Known" type="link" url="https://arxiv.org/abs/2601.90004"/>
  <outline text="A page" type="link" url="https://example.org/page"/></outline>
 <outline text="Alone"/>
 <outline text="News" xmlUrl="https://news.example.org/rss"/>
</body></opml>"""


class TestAnOpml:
    def test_becomes_interests_and_its_feeds_are_told(self, server: DailyServer) -> None:
        found = bring(write("mine.opml", OPML))
        assert found["interests"] == [{"name": "Retrieval", "papers": 1}, {"name": "Alone", "papers": 0}]
        assert found["matched"] == 1
        assert found["unmatched"] == [
            "mine.opml: the feed “A blog” (https://blog.example.org/feed)",
            "mine.opml: the link “A page” (https://example.org/page)",
            "mine.opml: the feed “News” (https://news.example.org/rss)",
        ]
        retrieval, alone = shown()["Retrieval"], shown()["Alone"]
        assert retrieval["keywords"] == ["late interaction^2", "dense retrieval"]
        assert (retrieval["authors"], retrieval["not_keywords"]) == (["Ada Example"], ["images"])
        assert alone["keywords"] == ["Alone"]
        assert titles("Retrieval") == ["Invented paper number 4"]

    def test_links_to_papers_in_no_interest_are_papers_that_are_liked(self, server: DailyServer) -> None:
        links = (
            '<opml version="2.0"><body><outline text="Known" type="link" url="https://arxiv.org/abs/2601.90004"/>'
            '<outline text="Feed" xmlUrl="https://arxiv.org/rss/2601.90003"/></body></opml>'
        )
        found = bring(write("links.opml", links))
        assert (found["matched"], found["interests"]) == (1, [{"name": LIKED, "papers": 1}])
        assert found["unmatched"] == ["links.opml: the feed “Feed” (https://arxiv.org/rss/2601.90003)"]

    def test_joins_interests_of_the_same_name(self, server: DailyServer) -> None:
        ok("interest", "add", READER, "--name", "Retrieval", "--keyword", "mine")
        bring(write("mine.opml", OPML))
        assert shown()["Retrieval"]["keywords"] == ["mine", "late interaction^2", "dense retrieval"]

    def test_that_was_exported_is_read_again(self, server: DailyServer) -> None:
        bring(write("mine.opml", OPML))
        bring(write("refs.bib", BIBTEX))
        write("out.opml", ok("profile", "export", READER, "--format", "opml").out)
        ok("subscriber", "add", "bo@example.org", "--active")
        bring("out.opml", reader="bo@example.org")
        here, there = shown(), shown("bo@example.org")
        assert list(here) == list(there)
        for name in here:
            assert titles(name) == titles(name, "bo@example.org")
            for words in ("keywords", "authors", "not_keywords"):
                assert here[name][words] == there[name][words]

    def test_with_entities_of_its_own_is_refused(self, server: DailyServer) -> None:
        bomb = '<!DOCTYPE opml [<!ENTITY a "aaaa">]><opml><body><outline text="&a;"/></body></opml>'
        ran = run("profile", "import", READER, write("bomb.opml", bomb))
        assert ran.code == 2
        assert "document type" in ran.err


class TestGivenBack:
    @pytest.mark.parametrize("kind", ["bibtex", "ris", "csl"])
    def test_a_library_is_what_it_was(self, server: DailyServer, kind: str) -> None:
        """Written, brought by another and written again it is the same to the letter."""
        bring(write("refs.bib", BIBTEX))
        first = ok("profile", "export", READER, "--format", kind).raw
        text = first.decode()
        for told in ("10.5555/to.come", "2601.90001", "Nobody knows this", "1999", "read twice", "Sample"):
            assert told in text
        Path("again").write_bytes(first)
        ok("subscriber", "add", "bo@example.org", "--active")
        assert bring("again", reader="bo@example.org")["matched"] == 3
        assert ok("profile", "export", "bo@example.org", "--format", kind).raw == first

    def test_a_profile_is_everything(self, server: DailyServer) -> None:
        bring(write("refs.bib", BIBTEX))
        ok("interest", "add", READER, "--name", "Words", "--keyword", "graphs^2", "--only-examples")
        ok("feedback", "add", READER, "2601.90005", "saved", "--now", f"{DAY}T07:00:00Z")
        ok("profile", "reset", READER, "--interest", "Words", "--now", "2026-01-12T08:00:00Z")
        first = json.loads(ok("profile", "export", READER, "--json").out)
        write("profile.json", json.dumps(first))
        ok("subscriber", "add", "bo@example.org", "--active")
        found = bring("profile.json", reader="bo@example.org")
        assert (found["matched"], found["pending"]) == (4, 1)
        assert found["interests"] == [{"name": LIKED, "papers": 5}, {"name": "Words", "papers": 0}]
        second = json.loads(ok("profile", "export", "bo@example.org", "--format", "json").out)
        # Each consented on their own, and that does not travel.
        assert second.pop("consents") != first.pop("consents")
        assert second == first | {"address": "bo@example.org"}

    def test_papers_of_one_title_stay_two(self, server: DailyServer) -> None:
        same = "".join(f"@article{{k{one}, title={{Editorial}}, doi={{10.5555/{one}}}}}\n" for one in "ab")
        assert bring(write("refs.bib", same))["interests"] == [{"name": LIKED, "papers": 2}]
        write("profile.json", ok("profile", "export", READER).out)
        ok("subscriber", "add", "bo@example.org", "--active")
        bring("profile.json", reader="bo@example.org")
        dois = [one["DOI"] for one in ok("profile", "export", "bo@example.org", "--format", "csl").json]
        assert dois == ["10.5555/a", "10.5555/b"]

    def test_a_profile_of_something_else_is_told_in_words(self, server: DailyServer) -> None:
        interests = {"interests": [{"name": "x", "examples": [5]}]}
        whole = {"format": "paper-digest-profile", "version": 1, "wishes": interests}
        ran = run("profile", "import", READER, write("profile.json", json.dumps(whole)))
        assert (ran.code, "not what it should be" in ran.err) == (2, True)

    def test_what_was_liked_is_among_the_papers(self, server: DailyServer) -> None:
        for paper, kind in (("2601.90001", "more"), ("2601.90002", "saved"), ("2601.90003", "less")):
            ok("feedback", "add", READER, paper, kind)
        papers = json.loads(ok("profile", "export", READER, "--format", "csl").out)
        assert [one["number"] for one in papers] == ["arXiv:2601.90001", "arXiv:2601.90002"]

    def test_only_formats_that_are_known(self, server: DailyServer) -> None:
        assert "use one of json" in run("profile", "export", READER, "--format", "docx").err
        assert run("profile", "export", READER, "--format", "ris", "--json").code == 2

    def test_a_profile_comes_alone(self, server: DailyServer) -> None:
        write("profile.json", ok("profile", "export", READER).out)
        write("refs.bib", BIBTEX)
        assert "import it alone" in run("profile", "import", READER, "profile.json", "refs.bib").err
        assert "import it alone" in run("profile", "import", READER, "profile.json", "--split").err


class TestInWords:
    def test_what_came_of_it_is_told(self, server: DailyServer) -> None:
        ran = ok("profile", "import", READER, write("refs.bib", BIBTEX))
        assert ran.out == f"3 papers are stored here, 1 waits until it is read\n  {LIKED}: 5 papers\n"
        assert "line 7" in ran.err
        assert "all of them are there already" in ok("profile", "import", READER, "refs.bib").out
        told = ok("profile", "show", READER).out
        assert "5 papers (2 of them are not read yet" in told

    def test_of_a_file_that_is_wrong_throughout_a_part_is_told(self, server: DailyServer) -> None:
        write("wrong.bib", BIBTEX + "\n".join(f"@article{{x{n}, title={{T" for n in range(60)))
        ran = ok("profile", "import", READER, "wrong.bib")
        assert "more like these (--json lists all)" in ran.err
        assert len(bring("wrong.bib")["unmatched"]) > 60

    def test_learning_anew_is_told(self, server: DailyServer) -> None:
        ok("feedback", "add", READER, "2601.90005", "more")
        assert "learn from what is said from now on" in ok("profile", "reset", READER).out
        told = ok("profile", "show", READER).out
        assert "1 more" in told
        assert "does not count any more" in told
        assert "no interest named" in run("profile", "reset", READER, "--interest", "Nothing").err


# --- reading ---------------------------------------------------------------------------------------


papers = st.builds(
    LibraryPaper,
    title=st.sampled_from(["", "One", "one!", "Two", "Three"]),
    arxiv_id=st.sampled_from([None, "2101.00001", "2101.00002"]),
    doi=st.sampled_from([None, "10.5555/a", "10.5555/b"]),
)


@given(st.lists(papers, max_size=12))
def test_distinct_papers_are_distinct_and_none_is_lost(some: list[LibraryPaper]) -> None:
    found, places = distinct(some)
    assert len(found) == len(places) <= len(some)
    assert places == sorted(places)
    again, _ = distinct(found)
    told = {one.arxiv_id for one in some} | {one.doi for one in some}
    assert told - {None} == ({one.arxiv_id for one in found} | {one.doi for one in found}) - {None}
    assert len(again) <= len(found)


@given(st.binary(max_size=400), st.sampled_from(["", "a.bib", "b.opml", "c.json", "d.ris"]))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_in_a_file_it_is_read_or_told(data: bytes, name: str) -> None:
    brought = Brought()
    read_brought(brought, name, data)
    assert brought.papers or brought.interests or brought.unmatched or data.lstrip()[:1] in (b"#", b"%", b"/")
    assert len(brought.papers) == len(brought.where)
