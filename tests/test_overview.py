"""The numbers and lists that an operator looks at, and the charts drawn of them."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.models import Bounce, Letter, Suppression
from digest.pipeline.overview import look_over, sent_by_day
from digest.pipeline.overview_readers import wishes_in_words
from digest.pipeline.overview_sources import evidence_words
from digest.pipeline.wishes import Wishes
from digest.storage import overview as rows
from digest.storage import runs as run_rows
from digest.storage.database import Database
from digest.storage.overview import WAITING, IssueFilter
from digest.web.charts import bar_chart, line_chart, strip
from tests.storage_rows import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    add_issue,
    add_papers,
    add_reader,
    add_source,
    add_subscription,
    make_delivery,
    make_entry,
)

pytest_plugins = ("tests.storage_fixtures",)


def add_letter(s, recipient, delivery_id, **given):
    letter = Letter(kind="test", recipient=recipient, key=delivery_id, created_at=NOW, expires_at=NOW + DAY)
    s.add(letter)
    s.flush()
    mail = make_delivery(f"<{delivery_id}@x>", letter_id=letter.id, recipient=recipient, **given)
    mail.issue_id = None
    s.add(mail)
    s.flush()


# --- counts ------------------------------------------------------------------------------------------
def test_runs_are_counted_by_how_they_ended(database: Database) -> None:
    with database.write() as s:
        ends = ((True, 0), (False, 1), (None, 2), (True, -24), (True, 3))
        for ok, at in [(ok, NOW + hours * HOUR) for ok, hours in ends]:
            number = run_rows.start_run(s, "compose", at)
            if ok is not None:
                run_rows.finish_run(s, number, ok=ok, outcome={}, now=at)
    with database.read() as s:
        (counted,) = rows.count_runs(s, NOW, NOW + 2 * HOUR)
    assert counted == rows.RunCount("compose", 3, 1, 1, NOW + 2 * HOUR)


def test_issues_are_counted_with_what_became_of_their_mail(database: Database) -> None:
    with database.write() as s:
        _, daily = add_reader(s)
        _, other = add_reader(s, "bo@example.org")
        add_issue(s, daily, TODAY, delivery=make_delivery("<a@x>", status="sent"))
        add_issue(s, other, TODAY, status="empty", reason="nothing Nothing was listed.")
        add_issue(s, daily, TODAY - DAY, composed_at=NOW - DAY, delivery=make_delivery("<b@x>"))
    with database.read() as s:
        assert rows.count_issues(s, composed_since=NOW) == [
            (TODAY, "composed", "sent", 1),
            (TODAY, "empty", None, 1),
        ]
        assert len(rows.count_issues(s, days_since=TODAY - DAY)) == 3
        (waiting,) = rows.count_queue(s)
    assert (waiting.status, waiting.mails, waiting.oldest_at) == ("planned", 1, NOW)


def test_a_day_without_issues_is_a_day_too(database: Database) -> None:
    """And tomorrow is one where a reader in the east has an issue of it already."""
    with database.write() as s:
        _, daily = add_reader(s)
        add_issue(s, daily, TODAY - 2 * DAY, composed_at=NOW - 2 * DAY)
        add_issue(s, daily, TODAY + DAY)
    found = sent_by_day(database, TODAY, days=3)
    assert [one.day for one in found] == [TODAY - 2 * DAY, TODAY - DAY, TODAY, TODAY + DAY]
    assert [sum(one.issues.values()) for one in found] == [1, 0, 0, 1]


def test_an_empty_installation_can_be_looked_at(database: Database) -> None:
    front = look_over(database, [], NOW)
    assert (front.papers, front.queue.number, front.troubles) == (0, 0, [])


def test_readers_of_one_hour_are_due_together(database: Database) -> None:
    """07:00 in Berlin and 05:00 UTC are the same time in summer."""
    with database.write() as s:
        add_reader(s)
        subscriber, _ = add_reader(s, "bo@example.org")
        add_reader(s, "left@example.org", status="unsubscribed")
        add_subscription(s, subscriber, hour=5, zone="UTC")
    front = look_over(database, [], NOW)
    assert front.next_digests == [(datetime(2026, 8, 4, 5, tzinfo=UTC), 3)]


def test_who_had_a_digest_before_its_hour_is_not_announced_for_today(database: Database) -> None:
    """As the first one, which comes at once: the next is tomorrow's."""
    with database.write() as s:
        _, subscription = add_reader(s)
        add_issue(s, subscription, date(2026, 8, 4), composed_at=NOW)
    front = look_over(database, [], datetime(2026, 8, 4, 3, tzinfo=UTC))
    assert front.next_digests == [(datetime(2026, 8, 5, 5, tzinfo=UTC), 1)]


def test_papers_are_counted_by_source_and_day(database: Database) -> None:
    with database.write() as s:
        source = add_source(s)
        add_papers(s, [make_entry(1), make_entry(2)], source_id=source)
        add_papers(s, [make_entry(3)], source_id=source, day=TODAY - 3 * DAY)
    with database.read() as s:
        counted = rows.count_entries(s, first_day=TODAY - DAY, last_day=TODAY)
        assert rows.count_papers_since(s, NOW) == 3
        assert rows.count_papers_since(s, NOW + HOUR) == 0
    assert counted == {(source, TODAY): 2}


# --- lists -------------------------------------------------------------------------------------------
def test_issues_are_filtered_by_what_became_of_them(database: Database) -> None:
    with database.write() as s:
        ada, daily = add_reader(s)
        _, other = add_reader(s, "under_score@example.org")
        add_issue(s, daily, TODAY, delivery=make_delivery("<a@x>", status="skipped"))
        add_issue(s, daily, TODAY - DAY, status="skipped")
        add_issue(s, other, TODAY, delivery=make_delivery("<b@x>", status="deferred"))
        add_issue(s, other, TODAY - DAY, status="empty")

    def found(**wanted):
        with database.read() as s:
            page = rows.page_issues(s, IssueFilter(**wanted), before=None, limit=9)
        return [(reader.email, issue.local_date) for issue, _, reader in page]

    both = [("ada@example.org", TODAY - DAY), ("ada@example.org", TODAY)]
    assert found(status="skipped") == both == found(subscriber_id=ada.id)
    assert found(status=WAITING) == [("under_score@example.org", TODAY)] == found(status="deferred")
    assert found(status="empty") == [("under_score@example.org", TODAY - DAY)]
    assert found(address="R_S", day=TODAY) == [("under_score@example.org", TODAY)]
    assert found(address="%") == []


def test_lists_continue_where_they_stopped(database: Database) -> None:
    with database.write() as s:
        for number in range(5):
            _reader, daily = add_reader(s, f"r{number}@example.org")
            add_issue(s, daily, delivery=make_delivery(f"<{number}@x>"))
            add_letter(s, f"r{number}@example.org", f"l{number}")
            s.add(Suppression(email_key=f"r{number}@example.org", reason="operator", created_at=NOW))
    with database.read() as s:
        readers, number = rows.page_readers(s, address="", status="", before=None, limit=3)
        more, _ = rows.page_readers(s, address="", status="", before=readers[-1][0].id, limit=3)
        assert number == 5
        assert [one.email for one, _ in [*readers, *more]] == [f"r{n}@example.org" for n in (4, 3, 2, 1, 0)]
        issues = rows.page_issues(s, IssueFilter(), before=None, limit=3)
        assert len(rows.page_issues(s, IssueFilter(), before=issues[-1][0].id, limit=3)) == 2
        letters = rows.page_letters(s, IssueFilter(), before=None, limit=3)
        assert len(rows.page_letters(s, IssueFilter(), before=letters[-1][1].id, limit=3)) == 2
        gone = rows.page_suppressions(s, address="", before=None, limit=3)
        assert len(rows.page_suppressions(s, address="", before=gone[-1].id, limit=3)) == 2


def test_a_readers_letters_are_those_to_exactly_their_address(database: Database) -> None:
    with database.write() as s:
        add_letter(s, "Ada@example.org", "a")
        add_letter(s, "not-ada@example.org", "b")
    with database.read() as s:
        found = rows.page_letters(s, IssueFilter(), recipient="ada@example.org", before=None, limit=9)
    assert [letter.recipient for letter, _ in found] == ["Ada@example.org"]


def test_who_has_several_subscriptions_is_one_reader(database: Database) -> None:
    with database.write() as s:
        subscriber, first = add_reader(s)
        second = add_subscription(s, subscriber, hour=20)
        add_issue(s, first, TODAY)
        latest = add_issue(s, second, TODAY + DAY)
        add_issue(s, second, TODAY + 2 * DAY, status="empty")
        for kind in ("hard", "soft"):
            s.add(Bounce(digest=kind, subscriber_id=subscriber.id, kind=kind, diagnostic="", received_at=NOW))
    with database.read() as s:
        found, number = rows.page_readers(s, address="ADA", status="active", before=None, limit=9)
        marks = rows.reader_marks(s, [subscriber.id])
    assert (number, [(one.id, row.id) for one, row in found]) == (1, [(subscriber.id, first.id)])
    assert marks == ({subscriber.id: (latest.id, TODAY + DAY)}, {subscriber.id: 2})


# --- words -------------------------------------------------------------------------------------------
def test_evidence_is_told_as_far_as_there_is_any() -> None:
    assert evidence_words(1, None, {}) == "1 paper"
    assert evidence_words(40, 42, {"usual": 41.5, "overlap": 0.06}) == (
        "40 of 42 papers; usually 41.5; 6% of them stood on another day too"
    )
    assert evidence_words(0, None, {"usual": 40.0, "overlap": 0.0}) == "0 papers; usually 40"


def test_wishes_are_one_sentence() -> None:
    wishes = Wishes(
        cadence="weekly",
        weekday="wed",
        zone="Europe/Oslo",
        mail=False,
        max_papers=5,
        trend_weight=0.4,
        hidden_sections=("Rising",),
    )
    assert wishes_in_words(wishes) == (
        "Wednesdays at 07:00 in Europe/Oslo, by private feed, at most 5 papers, "
        "trend weighs 40%, taste the rest, without Rising."
    )


# --- charts ------------------------------------------------------------------------------------------
@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), max_size=40))
def test_bars_stand_on_one_another_and_within_the_frame(values: list[tuple[int, int]]) -> None:
    chart = bar_chart([(str(n), [("sent", a), ("failed", b)]) for n, (a, b) in enumerate(values)])
    assert len(chart.bars) == sum(value > 0 for pair in values for value in pair)
    for bar in chart.bars:
        assert bar.y >= -0.01
        assert bar.y + bar.height <= chart.height + 0.02
        assert bar.x >= 0
        assert bar.x + bar.width <= chart.width + 0.02
    assert chart.top >= max((a + b for a, b in values), default=0)


def test_heights_are_in_proportion() -> None:
    chart = bar_chart([("a", [("sent", 3), ("failed", 1)]), ("b", [("sent", 0), ("failed", 5)])])
    assert chart.top == 5
    assert [(bar.y, bar.height, bar.title) for bar in chart.bars] == [
        (40, 60, "a: 3 sent"),
        (20, 20, "a: 1 failed"),
        (0, 100, "b: 5 failed"),
    ]


def test_a_line_goes_from_edge_to_edge() -> None:
    chart = line_chart([0, 10, 5])
    assert chart.points == "0,100 300,0 600,50"
    assert chart.area == "0,100 0,100 300,0 600,50 600,100"


@pytest.mark.parametrize("values", [[], [0], [7], [0, 0]])
def test_few_values_are_no_fault(values: list[int]) -> None:
    assert line_chart(values).top >= 1
    assert bar_chart([(str(one), [("sent", one)]) for one in values]).top >= 1


def test_a_strip_has_a_square_for_each_day_with_its_words() -> None:
    made = strip([("good", "Monday: fresh"), ("bad", "Tuesday: broken")])
    assert [(one.x, one.kind, one.title) for one in made.squares] == [
        (0, "good", "Monday: fresh"),
        (12, "bad", "Tuesday: broken"),
    ]
    assert made.width == 22


def test_every_day_is_within_reach(database: Database) -> None:
    """A list of days at the edge of time asks the database for nothing it cannot hold."""
    assert len(sent_by_day(database, date(1970, 2, 1), days=30)) == 30
