"""The operator's own log: split by time, learnt from before, found again after; or too little to tell."""

from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest
from sqlmodel import Session

from digest.evaluation import Said, from_log, ours, rank, shortfall, split_day
from digest.models import Feedback
from digest.pipeline.evaluate_own import evaluate_own
from digest.pipeline.moment import Moment
from digest.storage import judged, subscribers
from digest.storage.database import Database
from digest.types import Candidate, Section
from tests.evaluation_folder import FIELDS, NAMES, paper
from tests.storage_rows import (
    add_issue,
    add_papers,
    add_reader,
    add_source,
    add_subscription,
    list_again,
    make_entry,
)

pytest_plugins = ("tests.storage_fixtures",)

FIRST = datetime(2026, 6, 1, 8, tzinfo=UTC)
NOW = FIRST + timedelta(days=40)
OLD_DAY, NEW_DAY = date(2026, 5, 30), date(2026, 7, 1)
READERS, OLD, NEW = 6, 7, 3


def says(day: int, paper_id: int, kind: str = "more", reader: int = 1) -> Said:
    return Said(reader, paper_id, kind, FIRST + timedelta(days=day))


def candidate(paper_id: int) -> Candidate:
    return Candidate(paper_id, f"Thing {paper_id}")


def log(said: list[Said], day: date) -> dict[str, object]:
    """What is made of a log in which papers from 100 on are new."""
    papers = {one.paper: candidate(one.paper) for one in said}
    new = [papers[number] for number in sorted(papers) if number >= 100]
    data = from_log(said, day, new, [], papers)
    return {
        "liked": [data.liked[place].tolist() for place in range(len(data.names))],
        "disliked": [data.disliked[place].tolist() for place in range(len(data.names))],
        "ranked": [data.names[int(place)] for place in data.ranked],
        "relevant": [[data.labels[row] for row in data.relevant[at]] for at in range(len(data.ranked))],
    }


def test_seven_of_ten_likes_are_before_the_split() -> None:
    said = [says(day, day) for day in range(10)]
    assert split_day(said) == (FIRST + timedelta(days=6)).date()
    assert split_day([*said, *(says(30, 50 + number, "less") for number in range(20))]) == split_day(said)
    assert split_day([]) is None
    assert split_day([says(3, 1)]) == (FIRST + timedelta(days=3)).date()


def test_what_was_said_before_is_learnt_and_what_was_liked_after_is_relevant() -> None:
    day = (FIRST + timedelta(days=5)).date()
    made = log([says(1, 1), says(2, 2, "saved"), says(3, 3, "less"), says(9, 100), says(9, 101, "less")], day)
    assert made == {"liked": [[1, 2]], "disliked": [[3]], "ranked": ["1"], "relevant": [["100"]]}


def test_what_was_said_of_old_papers_after_the_split_is_neither() -> None:
    day = (FIRST + timedelta(days=5)).date()
    made = log([says(1, 1), says(9, 2), says(9, 100)], day)
    assert made["liked"] == [[1]]
    assert made["relevant"] == [["100"]]


def test_what_was_said_of_a_new_paper_before_it_was_listed_is_neither() -> None:
    day = (FIRST + timedelta(days=5)).date()
    made = log([says(1, 1), says(2, 101), says(9, 100)], day)
    assert made["liked"] == [[1]]
    assert made["relevant"] == [["100"]]


def test_what_was_said_last_counts_before_and_after_by_itself() -> None:
    day = (FIRST + timedelta(days=5)).date()
    said = [says(1, 1), says(2, 1, "less"), says(1, 2, "less"), says(2, 2), says(9, 1)]
    after = [says(8, 100), says(9, 100, "less"), says(8, 101, "less"), says(9, 101)]
    assert log([*said, *after], day) == {
        "liked": [[2]],
        "disliked": [[1]],
        "ranked": ["1"],
        "relevant": [["101"]],
    }


def test_only_who_liked_something_before_and_after_is_ranked() -> None:
    day = (FIRST + timedelta(days=5)).date()
    said = [says(1, 1, reader=1), says(9, 100, reader=2), says(1, 1, reader=3), says(9, 100, reader=3)]
    assert log(said, day)["ranked"] == ["3"]


def test_too_little_is_told_in_a_sentence() -> None:
    few = [says(1, number) for number in range(29)]
    assert shortfall(few, None) == "readers rated or saved 29 papers so far; it takes 30 to tell anything"
    # Twice the same paper is one paper.
    assert "rated or saved 29 papers" in str(shortfall([*few, says(2, 1, "saved")], None))
    assert "0 readers liked papers both before" in str(shortfall([*few, says(1, 50)], None))


class Log:
    """Readers of a field each, who liked seven old papers and three of ten new ones."""

    def __init__(self, database: Database, *, readers: int = READERS) -> None:
        self.database = database
        number = count(1)

        def entry(name: str, of: str) -> object:
            made = paper(name, of)
            return make_entry(next(number), title=f"{name}: {made['title']}", abstract=made["abstract"])

        with database.write() as s:
            source = add_source(s)
            self.old = {of: self._file(s, of, "old", 12, OLD_DAY, source, entry) for of in NAMES}
            self.new = {of: self._file(s, of, "new", 10, NEW_DAY, source, entry) for of in NAMES}
            self.readers = [add_reader(s, f"reader{place}@example.org")[0] for place in range(readers)]
            for place, reader in enumerate(self.readers):
                assert reader.id is not None
                for at, one in enumerate(self.old[NAMES[place]][:OLD]):
                    self.say(s, reader.id, one, "more" if at % 2 else "saved", FIRST + timedelta(days=at))
                for at, one in enumerate(self.new[NAMES[place]][:NEW]):
                    self.say(s, reader.id, one, "more", FIRST + timedelta(days=32 + at))

    @staticmethod
    def _file(s: Session, of: str, age: str, many: int, day: date, source: int, entry: object) -> list[int]:
        assert callable(entry)
        made = [entry(f"{of}-{age}-{number}", of) for number in range(many)]
        at = datetime.combine(day, datetime.min.time(), UTC)
        return add_papers(s, made, source_id=source, now=at, day=day)

    @staticmethod
    def say(s: Session, reader: int, paper_id: int, kind: str, at: datetime) -> None:
        said = Feedback(subscriber_id=reader, paper_id=paper_id, kind=kind, created_at=at)
        subscribers.add_feedback(s, said)


def test_readers_likes_are_found_again(database: Database) -> None:
    Log(database)
    found = evaluate_own(database, Moment(NOW), baselines=["popularity", "centroid"])
    assert found["enough"] is True
    assert found["readers"] == READERS
    assert found["candidates"] == 10 * len(FIELDS)
    assert found["judged"] == READERS * (OLD + NEW)
    assert found["split"] == "2026-06-07"
    # Ten of 120 new papers are of a reader's field, and three of them were liked.
    assert found["recall@20"][0] == pytest.approx(1)
    assert found["ndcg@20"][0] > found["baselines"]["popularity"]["ndcg@20"][0]
    assert set(found["baselines"]) == {"popularity", "centroid"}


def test_too_few_readers_are_told(database: Database) -> None:
    Log(database, readers=3)
    assert evaluate_own(database, Moment(NOW)) == {
        "enough": False,
        "reason": "3 readers liked papers both before the split and among those listed since; "
        "it takes 5 to tell anything",
    }


def test_an_empty_database_is_told(database: Database) -> None:
    found = evaluate_own(database, Moment(NOW))
    assert found["enough"] is False
    assert found["reason"].startswith("readers rated or saved 0 papers")


def test_papers_listed_before_the_split_and_after_are_known(database: Database) -> None:
    made = Log(database)
    old = made.old["speech"][0]
    with database.write() as s:
        entry = make_entry(1, title="Listed again")
        list_again(s, old, entry, now=NOW, source_id=add_source(s, "other"), day=NEW_DAY)
    with database.read() as s:
        assert judged.listed_by(s, [old, made.new["speech"][0]], date(2026, 6, 7)) == {old}
    assert evaluate_own(database, Moment(NOW))["candidates"] == 10 * len(FIELDS)


def test_papers_are_read_with_all_that_the_ranking_reads(database: Database) -> None:
    with database.write() as s:
        (number,) = add_papers(s, [make_entry(1, categories=("cs.IR",), keywords=("retrieval",))])
    with database.read() as s:
        (found,) = judged.iter_papers(s)
        assert judged.get_papers(s, [number, number + 1]) == {number: found}
    assert found.paper_id == number
    assert (found.authors, found.categories, found.keywords) == (
        ("Ada Example", "Bo Sample"),
        ("cs.IR",),
        ("retrieval",),
    )


def test_what_was_sent_is_counted_with_what_was_said_of_it(database: Database) -> None:
    with database.write() as s:
        ids = add_papers(s, [make_entry(number) for number in range(1, 7)])
        reader, daily = add_reader(s)
        assert reader.id is not None
        add_issue(s, daily, paper_ids=ids[:3])
        add_issue(s, daily, date(2026, 8, 4), paper_ids=ids[3:5])
        add_issue(s, daily, date(2026, 8, 5), paper_ids=ids[5:], status="expired")
        other, _ = add_reader(s, "bo@example.org")
        add_issue(s, add_subscription(s, other), paper_ids=ids[:1])
        for paper_id, kind in ((ids[0], "more"), (ids[0], "saved"), (ids[1], "less"), (ids[4], "saved")):
            Log.say(s, reader.id, paper_id, kind, NOW)
    with database.read() as s:
        rows = judged.count_sent(s)
    assert rows == [
        (Section.FOR_YOU.value, 1, 3, 1, 0),
        (Section.FOR_YOU.value, 2, 2, 1, 1),
        (Section.FOR_YOU.value, 3, 1, 0, 0),
    ]


def test_the_share_rated_well_is_told_by_section_and_rank(database: Database) -> None:
    made = Log(database)
    with database.write() as s:
        reader = made.readers[0]
        assert reader.id is not None
        daily = add_subscription(s, reader)
        add_issue(s, daily, paper_ids=[*made.old[NAMES[0]], *made.old[NAMES[1]]])
    found = evaluate_own(database, Moment(NOW))
    assert found["sections"] == [{"section": "For you", "sent": 24, "well": 7, "badly": 0}]
    assert found["ranks"] == [
        {"rank": "1", "sent": 1, "well": 1, "badly": 0},
        {"rank": "2", "sent": 1, "well": 1, "badly": 0},
        {"rank": "3", "sent": 1, "well": 1, "badly": 0},
        {"rank": "4-5", "sent": 2, "well": 2, "badly": 0},
        {"rank": "6-10", "sent": 5, "well": 2, "badly": 0},
        {"rank": "11-20", "sent": 10, "well": 0, "badly": 0},
        {"rank": "21-", "sent": 4, "well": 0, "badly": 0},
    ]


def invented(paper_id: int, name: str) -> Candidate:
    made = paper(name, name.partition("-")[0])
    return Candidate(paper_id, made["title"], made["abstract"])


def test_less_of_a_paper_lowers_the_one_beside_it() -> None:
    """Of the new papers the first is like what was marked, and leads until that is."""
    known = [invented(12 * at + n, f"{of}-{n}") for at, of in enumerate(NAMES) for n in range(12)]
    new = [invented(1000, "retrieval-0"), *(invented(1000 + n, f"{of}-new") for n, of in enumerate(NAMES, 1))]
    papers = {one.paper_id: one for one in [*known, *new]}
    likes = [*(says(1, number) for number in range(4)), says(9, 1001)]
    day = (FIRST + timedelta(days=5)).date()
    first = []
    for said in (likes, [*likes, says(2, 0, "less")]):
        data = from_log(said, day, new, known, papers)
        (rows,) = next(rank(data, ours(data, "single")[0]))
        first.append(data.labels[rows[0]])
    assert first == ["1000", "1001"]
