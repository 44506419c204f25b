"""What an interest learns from: the papers given with it, and feedback that may join it."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from digest.errors import UsageError
from digest.models import Feedback, Subscriber
from digest.pipeline.learning import reset
from digest.pipeline.readers import InterestWords, add_interest, show_subscriber
from digest.pipeline.wishes import InterestWish, Wishes, load_wishes, store_wishes
from digest.storage import examples as example_rows
from digest.storage import subscribers
from digest.storage.database import Database
from digest.storage.works import add_works
from digest.types import Entry, InterestSpec, Profile
from tests.storage_rows import DAY, HOUR, NOW, add_papers, add_reader, make_entry
from tests.storage_rows import add_interest as add_row

pytest_plugins = ("tests.storage_fixtures",)

READER = "ada@example.org"


def load(database: Database) -> Profile:
    with database.read() as s:
        pairs = subscribers.list_active(s)
        return subscribers.load_profiles(s, pairs, max_papers=10, trend_weight=0.3)[0]


def interests(database: Database) -> dict[str, InterestSpec]:
    return {one.name: one for one in load(database).interests}


def said(database: Database, name: str) -> list[int | None]:
    """The papers of feedback that speak for an interest."""
    found = interests(database).get(name)
    return [one.paper_id for one in found.examples if one.origin != "example"] if found else []


def say(database: Database, paper_id: int, kind: str = "more", **given: Any) -> None:
    with database.write() as s:
        (reader,) = subscribers.list_subscribers(s)
        values = {"interest_id": None, "created_at": NOW, **given}
        subscribers.add_feedback(s, Feedback(subscriber_id=reader.id, paper_id=paper_id, kind=kind, **values))


@pytest.fixture
def papers(database: Database) -> list[int]:
    """Three papers on finding things, and a reader."""
    with database.write() as s:
        add_reader(s)
        return add_papers(s, [make_entry(number, categories=("cs.IR",)) for number in (1, 2, 3)])


def add(database: Database, name: str, **given: Any) -> int:
    with database.write() as s:
        (reader,) = subscribers.list_subscribers(s)
        return add_row(s, reader, name, **given).id or 0


class TestOnlyItsPapers:
    def test_no_feedback_joins_it(self, database: Database, papers: list[int]) -> None:
        given = [{"paper_id": papers[0], "title": "", "abstract": ""}]
        number = add(database, "Finding", keywords=["finding"], examples=given, only_examples=True)
        say(database, papers[1], interest_id=number)
        say(database, papers[2], "less", interest_id=number)
        (spec,) = load(database).interests
        assert [one.paper_id for one in spec.examples] == [papers[0]]

    def test_what_was_said_for_none_goes_to_another(self, database: Database, papers: list[int]) -> None:
        add(database, "Finding", keywords=["finding things in long documents"], only_examples=True)
        add(database, "Documents", keywords=["documents"])
        say(database, papers[1])
        assert said(database, "Documents") == [papers[1]]
        assert said(database, "Finding") == []

    def test_can_be_chosen_and_shown(self, database: Database, papers: list[int]) -> None:
        words = InterestWords(keywords=("finding",), only_examples=True)
        add_interest(database, READER, "Finding", words, now=NOW)
        add_interest(database, READER, "Finding", InterestWords(keywords=("more",)), now=NOW)
        with database.read() as s:
            reader = subscribers.get_subscriber(s, READER)
            assert reader is not None
            wishes = load_wishes(s, reader.id or 0)
            (shown,) = show_subscriber(s, reader, base_url=None, feeds_dir=Path("feeds"))["interests"]
        assert wishes.interests == (
            InterestWish(name="Finding", keywords=("finding", "more"), only_examples=True),
        )
        assert shown["only_examples"] is True
        assert Wishes.from_dict(wishes.as_dict()) == wishes

    def test_is_kept_with_the_wishes(self, database: Database, papers: list[int]) -> None:
        add(database, "Finding", keywords=["finding"], only_examples=True)
        with database.write() as s:
            reader = subscribers.get_subscriber(s, READER)
            assert reader is not None
            wishes = load_wishes(s, reader.id or 0)
            store_wishes(s, reader, wishes, NOW)
            assert load_wishes(s, reader.id or 0) == wishes
            assert wishes.interests[0].only_examples

    def test_is_true_or_false(self) -> None:
        with pytest.raises(UsageError, match="true or false"):
            Wishes.from_dict({"interests": [{"name": "A", "keywords": ["a"], "only_examples": "yes"}]})


class TestLearningAnew:
    def test_what_was_said_before_steers_nothing(self, database: Database, papers: list[int]) -> None:
        number = add(database, "Finding", keywords=["finding"])
        say(database, papers[0], interest_id=number)
        say(database, papers[1], "saved", interest_id=number, note="mine")
        assert reset(database, READER, None, NOW + HOUR) == READER
        assert said(database, "Finding") == []
        say(database, papers[2], created_at=NOW + 2 * HOUR)
        assert said(database, "Finding") == [papers[2]]
        with database.read() as s:
            assert {row.kind: row.note for row in subscribers.list_feedback(s, 1, papers[1])} == {
                "saved": "mine"
            }

    def test_of_one_interest_alone(self, database: Database, papers: list[int]) -> None:
        first, second = add(database, "First", keywords=["a"]), add(database, "Second", keywords=["b"])
        say(database, papers[0], interest_id=first)
        say(database, papers[1], interest_id=second)
        reset(database, READER, "First", NOW + HOUR)
        assert (said(database, "First"), said(database, "Second")) == ([], [papers[1]])

    def test_what_was_nearest_to_it_goes_to_no_other(self, database: Database, papers: list[int]) -> None:
        add(database, "First", keywords=["finding things in long documents"])
        add(database, "Second", keywords=["documents"])
        say(database, papers[0])
        reset(database, READER, "First", NOW + HOUR)
        assert (said(database, "First"), said(database, "Second")) == ([], [])

    def test_needs_a_reader_and_an_interest_that_are_there(
        self, database: Database, papers: list[int]
    ) -> None:
        with pytest.raises(UsageError, match="nobody"):
            reset(database, "bo@example.org", None, NOW)
        with pytest.raises(UsageError, match="no interest named"):
            reset(database, READER, "Nothing", NOW)

    def test_renaming_an_interest_does_not_bring_it_back(self, database: Database, papers: list[int]) -> None:
        number = add(database, "First", keywords=["finding"])
        say(database, papers[0], interest_id=number)
        reset(database, READER, "First", NOW + HOUR)
        with database.write() as s:
            reader = s.get(Subscriber, 1)
            assert reader is not None
            wish = Wishes(interests=(InterestWish(name="Renamed", keywords=("finding",)),))
            store_wishes(s, reader, wish, NOW, renamed={"Renamed": "First"})
        assert said(database, "Renamed") == []


class TestWhatTheRankingGets:
    def test_keywords_and_their_weights(self, database: Database, papers: list[int]) -> None:
        add(
            database,
            "A",
            keywords=["graphs^2", "plain", "half ^0.5"],
            must_keywords=["must^3"],
            not_keywords=["never^2"],
        )
        spec = interests(database)["A"]
        assert (spec.keywords, spec.must_keywords, spec.not_keywords) == (
            ("graphs", "plain", "half"),
            ("must",),
            ("never",),
        )
        assert spec.weights == {"graphs": 2.0, "half": 0.5, "must": 3.0}

    def test_what_is_known_of_the_papers(self, database: Database, papers: list[int]) -> None:
        number = add(database, "A", examples=[{"paper_id": papers[0], "title": "Old", "abstract": ""}])
        say(database, papers[1], interest_id=number, created_at=NOW - DAY)
        given, liked = interests(database)["A"].examples
        assert (given.liked_at, liked.liked_at) == (None, NOW - DAY)
        for one in (given, liked):
            assert (one.authors, one.categories) == (("Ada Example", "Bo Sample"), ("cs.IR",))

    def test_the_words_of_an_id_say_nothing(self, database: Database, papers: list[int]) -> None:
        with database.write() as s:
            (number,) = add_works(s, [Entry("arXiv:2101.00001", 1, arxiv_id="2101.00001")], NOW)
        add(database, "A", examples=[{"paper_id": number, "title": "arXiv:2101.00001", "abstract": ""}])
        (example,) = interests(database)["A"].examples
        assert (example.paper_id, example.title) == (number, "")

    def test_is_loaded_in_a_few_queries_for_many_readers(
        self, database: Database, statements: list[str]
    ) -> None:
        with database.write() as s:
            ids = add_papers(s, [make_entry(number) for number in range(1, 30)])
            for number in range(40):
                reader, _ = add_reader(s, f"reader{number}@example.org")
                examples = [{"paper_id": one, "title": "", "abstract": ""} for one in ids]
                add_row(s, reader, "A", examples=examples)
        statements.clear()
        with database.read() as s:
            pairs = subscribers.list_active(s)
            found = subscribers.load_profiles(s, pairs, max_papers=10, trend_weight=0.3)
        assert len(found) == 40
        assert len([one for one in statements if one.lstrip().upper().startswith("SELECT")]) <= 6


@pytest.fixture
def statements(database: Database) -> list[str]:
    """What is asked of the database, in order."""
    found: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        found.append(statement)

    event.listen(database._engine, "before_cursor_execute", note)
    return found


def test_waiting_examples_are_found_without_reading_all_others(database: Database) -> None:
    with database.write() as s:
        reader, _ = add_reader(s)
        waiting = [{"paper_id": None, "title": "Unknown", "abstract": ""}]
        number = add_row(s, reader, "Waiting", examples=waiting).id
        add_row(s, reader, "Here", examples=[{"paper_id": 1, "title": "Null paper_id", "abstract": ""}])
        assert example_rows.list_waiting(s) == {number: waiting}
        assert example_rows.get_examples(s, 999) == []
