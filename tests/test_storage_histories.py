"""What is read of the last weeks' looks to learn how fast votes come."""

from datetime import timedelta

from digest.ranking.habits import SPAN, fit_usual
from digest.storage.database import Database
from digest.storage.histories import iter_histories
from tests.storage_rows import DAY, HOUR, NOW, TODAY, add_papers, add_source, list_again, make_entry

pytest_plugins = ("tests.storage_fixtures",)


def test_every_look_that_told_votes_or_stars_is_read_with_the_papers_first_day(database: Database) -> None:
    with database.write() as s:
        first, second = add_source(s, "b"), add_source(s, "a", "arxiv")
        told = [
            make_entry(1, votes=3, comments=1),
            make_entry(2, votes=None),
            make_entry(3, votes=None, stars=9),
        ]
        paper, _, starred = add_papers(s, told, source_id=first)
        list_again(s, paper, make_entry(1, votes=8), now=NOW + DAY, source_id=first, day=TODAY + DAY)
        list_again(s, paper, make_entry(1, votes=2), now=NOW + HOUR, source_id=second, day=TODAY + DAY)
    with database.read() as s:
        rows = list(iter_histories(s, since=NOW, until=NOW + DAY))
        assert list(iter_histories(s, since=NOW + HOUR, until=NOW + DAY)) == [rows[0], rows[-1]]
    assert [rows[0], *sorted(rows[1:], key=lambda row: row[3:4] + row[1:2])] == [
        ("a", paper, TODAY + DAY, NOW + HOUR, 2, None, None),
        ("b", paper, TODAY, NOW, 3, None, 1),
        ("b", starred, TODAY, NOW, None, 9, None),
        ("b", paper, TODAY, NOW + DAY, 8, None, None),
    ]


def test_of_many_papers_a_part_is_read_whole_and_always_the_same(database: Database) -> None:
    """A source with few looks is read whole beside one with many."""
    with database.write() as s:
        busy, quiet = add_source(s, "busy"), add_source(s, "quiet", "arxiv")
        entries = [make_entry(number, votes=number) for number in range(1, 201)]
        papers = add_papers(s, entries, source_id=busy)
        for hours in (1, 2):
            for paper, entry in zip(papers, entries, strict=True):
                list_again(s, paper, entry, now=NOW + hours * HOUR, source_id=busy)
        list_again(s, papers[0], entries[0], now=NOW, source_id=quiet)
    with database.read() as s:
        rows = list(iter_histories(s, since=NOW, until=NOW + DAY, most=150))
        assert rows == list(iter_histories(s, since=NOW, until=NOW + DAY, most=150))
        whole = list(iter_histories(s, since=NOW, until=NOW + DAY))
    assert len(whole) == 601
    of_busy = [row[1] for row in rows if row[0] == "busy"]
    assert 75 <= len(of_busy) <= 300
    assert all(of_busy.count(paper) == 3 for paper in of_busy)
    assert [row[:2] for row in rows if row[0] == "quiet"] == [("quiet", papers[0])]


def test_what_is_read_can_be_learnt_from(database: Database) -> None:
    with database.write() as s:
        source = add_source(s)
        entries = [make_entry(number, votes=0) for number in range(1, 11)]
        papers = add_papers(s, entries, source_id=source)
        for hours in range(6, 49, 6):
            for number, paper in enumerate(papers, 1):
                entry = make_entry(number, votes=2 * hours)
                list_again(s, paper, entry, now=NOW + hours * HOUR, source_id=source)
    now = NOW + timedelta(days=3)
    with database.read() as s:
        usual = fit_usual(iter_histories(s, since=now - SPAN, until=now), now)
    assert usual.of("hf").papers == 10
    assert 30 < usual.of("hf").rate[3] < 50
