"""Why a paper is in a digest or not, from stored readers and papers: each cause is brought about."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from digest.cli.explaining import lines_of
from digest.models import Feedback, Paper, Subscriber
from digest.pipeline.explain_paper import explain_paper
from digest.pipeline.explain_words import Outside
from digest.pipeline.moment import Moment
from digest.pipeline.preview import preview_as
from digest.pipeline.wishes import ExamplePaper, InterestWish, Wishes, load_wishes, store_wishes
from digest.ranking.explaining import Cause
from digest.storage import issues as issue_rows
from digest.storage import papers as paper_rows
from digest.storage import subscribers as subscriber_rows
from digest.types import FeedbackKind, Section, SubscriberStatus
from tests.cli_runner import ok, run
from tests.daily_server import DailyServer, item, serving
from tests.storage_rows import add_papers, make_entry
from tests.test_main_job import configure
from tests.web_site import READER, WebSite, demo_folder, site

__all__ = ["demo_folder", "site"]

NEW = "new@example.org"
RETRIEVAL = InterestWish(name="Retrieval", keywords=("dense retrieval", "RAG"))
CAUSES = {*(one.value for one in Cause), *(one.value for one in Outside)}


def reader(site: WebSite, wishes: Wishes) -> Subscriber:
    """A reader who is new today, so without an issue, and without a day missed."""
    with site.app.database.write() as session:
        added = subscriber_rows.add_subscriber(
            session, email=NEW, status=SubscriberStatus.ACTIVE, now=site.app.now()
        )
        store_wishes(session, added, wishes, site.app.now())
    return added


def explained(
    site: WebSite, asked: object, *, email: str = NEW, moment: Moment | None = None
) -> dict[str, Any]:
    """The answer, after everything that must hold of any."""
    at = moment or site.web.site.moment()
    answer = explain_paper(site.app.composer(), email, str(asked), at)
    json.dumps(answer, allow_nan=False)
    assert answer["cause"] in CAUSES
    assert answer["sentence"].endswith((".", ")."))
    assert "None" not in answer["sentence"]
    assert len(lines_of(answer)) <= 24
    for one in answer["interests"]:
        assert one["score"] == pytest.approx(recomputed(one["parts"]), abs=1e-5)
    return answer


def recomputed(parts: Mapping[str, float]) -> float:
    """A score from its parts, by the formulas that docs and docstrings give."""
    if "votes_a_day" in parts:
        return (parts["votes"] + parts["votes_a_day"]) / 2
    if "gained" in parts:
        a, b = parts["gained"] + 1, parts["usual"] + 1
        at_least = a / b * max(1 - 1 / (9 * a) - 1.645 / (3 * math.sqrt(a)), 0) ** 3
        return 1 - 1 / max(at_least, 1)
    close = max(parts["similar_words"] + parts["similar_topic"] + parts["similar_readers"], 0)
    against = 1 - close**2 / (close**2 + parts["usual"] ** 2)
    for name in ("words", "keywords", "category", "people"):
        against *= 1 - parts[name]
    taste = (1 - against) * (1 - parts["less"]) * parts["admitted"]
    mixed = (1 - parts["trend_weight"]) * taste + parts["trend_weight"] * parts["trend"]
    return parts["author"] + parts["must"] + mixed


def drafted(site: WebSite, email: str = NEW, moment: Moment | None = None) -> dict[str, Any]:
    """The digest as JSON."""
    at = moment or site.web.site.moment()
    shown, _ = preview_as(site.app.composer(), site.app.deliverer(), email, at, "json")
    assert isinstance(shown, dict)
    return shown


def papers_of(digest: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(section["name"], paper) for section in digest["sections"] for paper in section["papers"]]


def paper_id(site: WebSite, words: str) -> int:
    with site.app.database.read() as session:
        (found, *_) = paper_rows.search_papers(session, words, limit=1)
    assert found.id is not None
    return found.id


def test_every_paper_of_a_digest_that_was_made_is_explained_as_it_was_frozen(site: WebSite) -> None:
    digest = drafted(site, READER)
    assert digest["stored"]
    shown = papers_of(digest)
    for place, (section, paper) in enumerate(shown, start=1):
        answer = explained(site, paper["id"], email=READER)
        assert (answer["cause"], answer["stored"]) == ("shown", True)
        assert (answer["section"], answer["place"], answer["papers"]) == (section, place, len(shown))
        assert (answer["score"], answer["parts"], answer["why"]) == (
            paper["score"],
            paper["parts"],
            paper["why"],
        )
        assert f"is paper {place} of {len(shown)}" in answer["sentence"]


def test_every_paper_is_explained_in_accordance_with_the_digest_that_would_be_made(site: WebSite) -> None:
    reader(site, Wishes(interests=(RETRIEVAL,), max_papers=6))
    digest = drafted(site)
    assert not digest["stored"]
    shown = {paper["id"]: (section, place) for place, (section, paper) in enumerate(papers_of(digest), 1)}
    with site.app.database.read() as session:
        everything = [one.id for one in paper_rows.list_papers(session, limit=1000)]
    causes = set()
    for number in everything:
        answer = explained(site, number)
        causes.add(answer["cause"])
        assert (answer["cause"] == "shown") == (number in shown)
        if number in shown:
            assert (answer["section"], answer["place"]) == shown[number]
            assert "would be" in answer["sentence"]
    assert {"shown", "below_threshold"} <= causes


def test_the_score_is_recomputed_from_the_parts_in_every_section(site: WebSite) -> None:
    """Of digests that were made, and of one that would be made for somebody who was away."""
    seen: set[str] = set()
    with site.app.database.read() as session:
        everybody = [one.email for one in subscriber_rows.list_subscribers(session)]
    now = site.web.site.moment()
    moments = [replace(now, day=now.today_in("UTC") - timedelta(days=back)) for back in range(5)]
    later = Moment(now.now + timedelta(days=3))
    for email in everybody:
        assert email is not None
        for moment in (*moments, later):
            for section, paper in papers_of(drafted(site, email, moment)):
                seen.add(section)
                assert paper["score"] == pytest.approx(recomputed(paper["parts"]), abs=1e-5)
                assert [one["text"] for one in paper["why"]] == paper["reasons"]
                assert all(one["kind"] and isinstance(one["facts"], dict) for one in paper["why"])
    assert seen == {section.value for section in Section}


def test_what_is_looked_back_on_after_an_absence_is_explained_too(site: WebSite) -> None:
    """Nothing was composed for three days; what was listed meanwhile comes under a heading of its own."""
    moment = Moment(site.app.now() + timedelta(days=4))
    with site.app.database.write() as session:
        listed = [moment.now.date() - timedelta(days=back) for back in (0, 1, 2, 3)]
        entries = [make_entry(910 + number, title=f"Dense retrieval {number}") for number in range(8)]
        numbers = [
            add_papers(session, [entry], now=site.app.now(), day=listed[place % 4])[0]
            for place, entry in enumerate(entries)
        ]
    digest = drafted(site, READER, moment)
    shown = {paper["id"]: (section, place) for place, (section, paper) in enumerate(papers_of(digest), 1)}
    assert "While you were away" in {section for section, _ in shown.values()}
    for number in {*numbers, *shown}:
        answer = explained(site, number, email=READER, moment=moment)
        assert (answer["cause"] == "shown") == (number in shown)
        if number in shown:
            assert (answer["section"], answer["place"]) == shown[number]
        else:
            assert answer["cause"] in ("crowded_out", "below_threshold", "like_shown", "like_known")


def test_what_was_sent_before(site: WebSite) -> None:
    moment = site.web.site.moment()
    first = replace(moment, day=moment.today_in("UTC") - timedelta(days=4))
    ((_, paper), *_) = papers_of(drafted(site, READER, first))
    answer = explained(site, paper["id"], email=READER)
    assert answer["cause"] == "sent"
    assert "12 January 2026" in answer["sentence"]
    tomorrow = Moment(moment.now + timedelta(days=1))
    assert explained(site, paper["id"], email=READER, moment=tomorrow)["cause"] == "sent"


@pytest.mark.parametrize(
    ("kind", "said"),
    [("more", "marked “more”"), ("less", "marked “less”"), ("saved", "saved"), ("seen", "elsewhere")],
)
def test_what_the_reader_judged_without_having_had_it(site: WebSite, kind: str, said: str) -> None:
    added = reader(site, Wishes(interests=(RETRIEVAL,)))
    with site.app.database.write() as session:
        word = Feedback(
            subscriber_id=added.id, paper_id=3, kind=FeedbackKind(kind), created_at=site.app.now()
        )
        subscriber_rows.add_feedback(session, word)
    answer = explained(site, 3)
    assert answer["cause"] == "judged"
    assert said in answer["sentence"]


def test_what_was_given_as_an_example(site: WebSite) -> None:
    with site.app.database.read() as session:
        third = session.get(Paper, 3)
    assert third is not None
    wish = replace(RETRIEVAL, examples=(ExamplePaper(paper_id=3, title=third.title, abstract=""),))
    reader(site, Wishes(interests=(wish,)))
    answer = explained(site, third.title)
    assert (answer["cause"], answer["interest"]) == ("given", "Retrieval")


def twin(site: WebSite, number: int) -> int:
    """A paper that says what another says, under another id, listed today."""
    now = site.app.now()
    with site.app.database.write() as session:
        paper = session.get(Paper, number)
        assert paper is not None
        entry = make_entry(900, title=paper.title, abstract=paper.abstract, votes=0)
        (made,) = add_papers(session, [entry], now=now, day=now.date())
    return made


def test_what_says_the_same_as_one_that_is_shown_or_was_sent(site: WebSite) -> None:
    reader(site, Wishes(interests=(RETRIEVAL,), trend_weight=0))
    ((_, best), *_) = papers_of(drafted(site))
    other = twin(site, best["id"])
    causes = {number: explained(site, number)["cause"] for number in (best["id"], other)}
    assert set(causes.values()) == {"shown", "like_shown"}
    like = next(number for number, cause in causes.items() if cause == "like_shown")
    assert explained(site, like)["same_as"]["id"] == next(one for one in causes if one != like)
    moment = site.web.site.moment()
    first = replace(moment, day=moment.today_in("UTC") - timedelta(days=4))
    ((_, sent), *_) = papers_of(drafted(site, READER, first))
    with site.app.database.write() as session:
        session.delete(session.get(Paper, other))
    answer = explained(
        site, twin(site, sent["id"]), email=READER, moment=Moment(moment.now + timedelta(days=1))
    )
    assert (answer["cause"], answer["same_as"]["id"]) == ("like_known", sent["id"])
    assert "sent on Monday 12 January 2026" in answer["sentence"]


def test_what_a_hidden_section_would_have(site: WebSite) -> None:
    reader(site, Wishes(hidden_sections=(Section.TRENDING.value,)))
    with site.app.database.read() as session:
        votes = paper_rows.latest_votes(session, range(1, 200))
    most = max(votes, key=lambda number: votes[number])
    answers = [explained(site, number) for number in sorted(votes, key=lambda number: -votes[number])[:8]]
    hidden = [one for one in answers if one["cause"] == "section_hidden"]
    assert hidden, most
    assert {one["section"] for one in hidden} == {"Trending"}


def test_a_good_paper_without_a_place(site: WebSite) -> None:
    reader(site, Wishes(interests=(RETRIEVAL,), max_papers=1, trend_weight=0))
    (shown,) = [paper["id"] for _, paper in papers_of(drafted(site))]
    with site.app.database.read() as session:
        everything = [one.id for one in paper_rows.search_papers(session, "retrieval", limit=20)]
    answers = [explained(site, number) for number in everything if number != shown]
    crowded = [one for one in answers if one["cause"] == "crowded_out"]
    assert crowded
    assert "the one place under “For you” went to" in crowded[0]["sentence"]


def test_keywords_that_speak_against_it(site: WebSite) -> None:
    reader(site, Wishes(interests=(replace(RETRIEVAL, not_keywords=("retrieval",)),)))
    number = paper_id(site, "dense retrieval")
    answer = explained(site, number)
    assert answer["cause"] == "unwanted_keyword"
    assert "“retrieval”" in answer["sentence"]
    with site.app.database.write() as session:
        owner = site.subscriber(NEW)
        must = Wishes(interests=(replace(RETRIEVAL, must_keywords=("zyxwv",)),))
        store_wishes(session, owner, must, site.app.now())
    assert explained(site, number)["cause"] == "no_must_keyword"


def test_what_less_lowered_is_said_with_the_paper_that_lowered_it(site: WebSite) -> None:
    added = reader(site, Wishes(interests=(RETRIEVAL,)))
    number = paper_id(site, "dense retrieval")
    before = explained(site, number)["interests"][0]
    near = twin(site, number)
    with site.app.database.write() as session:
        paper = session.get(Paper, near)
        assert paper is not None
        paper.title = f"{paper.title} Once More in Other Words for Everybody"
        session.add(paper)
        (row,) = subscriber_rows.list_interests(session, added.id or 0)
        word = Feedback(
            subscriber_id=added.id,
            paper_id=near,
            kind=FeedbackKind.LESS,
            interest_id=row.id,
            created_at=site.app.now(),
        )
        subscriber_rows.add_feedback(session, word)
    (after,) = explained(site, number)["interests"]
    assert after["taste"] < before["taste"]
    (mark,) = after["lowered_by"]
    assert (mark["paper_id"], mark["by"]) == (near, pytest.approx(after["parts"]["less"], abs=1e-5))


def test_the_author_of_several_liked_papers(site: WebSite) -> None:
    """Two papers of hers were said "more" of; a third names her, in the figures and on the screen."""
    added, now = reader(site, Wishes(interests=(RETRIEVAL,))), site.app.now()
    with site.app.database.write() as session:
        entries = [make_entry(number, authors=("Bo Sample", "Ada Example")) for number in (901, 902, 903)]
        first, second, third = add_papers(session, entries, now=now, day=now.date())
        (row,) = subscriber_rows.list_interests(session, added.id or 0)
        for number in (first, second):
            word = Feedback(
                subscriber_id=added.id,
                paper_id=number,
                kind=FeedbackKind.MORE,
                interest_id=row.id,
                created_at=now,
            )
            subscriber_rows.add_feedback(session, word)
    answer = explained(site, third)
    (part,) = answer["interests"]
    assert part["by_liked"]["name"] in ("Ada Example", "Bo Sample")
    assert (part["by_liked"]["liked"], part["by_liked"]["exact"]) == (2, True)
    assert part["parts"]["people"] == pytest.approx(part["by_liked"]["adds"], abs=1e-6)
    assert part["parts"]["people"] > 0
    told = f"people    {part['parts']['people']:.2f}  by {part['by_liked']['name']} (2 liked papers)"
    assert any(line.strip() == told for line in lines_of(answer))
    assert explained(site, 3)["interests"][0]["by_liked"] is None


def test_readers_without_interests(site: WebSite) -> None:
    """By votes alone, or by nothing."""
    reader(site, Wishes(trend_weight=1.0, max_papers=3))
    now = site.app.now()
    with site.app.database.write() as session:
        (silent,) = add_papers(session, [make_entry(901, votes=None)], now=now, day=now.date())
    assert explained(site, silent)["cause"] == "no_votes"
    shown = {paper["id"] for _, paper in papers_of(drafted(site))}
    causes = {explained(site, number)["cause"] for number in range(1, 12) if number not in shown}
    assert causes <= {"crowded_out", "not_listed"}
    with site.app.database.write() as session:
        store_wishes(session, site.subscriber(NEW), Wishes(trend_weight=0.0), now)
    assert explained(site, silent)["cause"] == "nothing_wanted"
    assert "names no interests" in drafted(site)["reason"]


def test_what_was_not_among_those_to_choose_from(site: WebSite) -> None:
    reader(site, Wishes(interests=(RETRIEVAL,)))
    now = site.app.now()
    with site.app.database.write() as session:
        numbers = add_papers(session, [make_entry(902)], now=now, day=now.date() - timedelta(days=30))
        numbers += add_papers(session, [make_entry(903)], now=now, day=now.date() + timedelta(days=2))
        numbers += add_papers(session, [make_entry(904)], now=now, day=now.date())
        paper = session.get(Paper, numbers[2])
        assert paper is not None
        paper.withdrawn_at = now
        session.add(paper)
    early, late, gone = (explained(site, number) for number in numbers)
    assert [one["cause"] for one in (early, late, gone)] == ["not_listed", "not_listed", "withdrawn"]
    assert "last listed on Wednesday 17 December 2025" in early["sentence"]
    assert "first listed on Sunday 18 January 2026" in late["sentence"]
    assert early["interests"] == []
    answer = explained(site, "A title that nobody has")
    assert (answer["cause"], answer["paper"]) == ("not_stored", None)


def test_a_digest_that_was_made_is_explained_by_what_was_known_then(site: WebSite) -> None:
    """What was judged since is no reason; where the interests have changed since, that is said."""
    owner = site.subscriber(READER)
    digest = drafted(site, READER)
    shown = {paper["id"] for _, paper in papers_of(digest)}
    with site.app.database.read() as session:
        listed = paper_rows.list_candidates(
            session, first_day=site.app.now().date(), last_day=site.app.now().date()
        )
        stored = load_wishes(session, owner.id or 0)
        sent = issue_rows.list_sent(session, [owner.id or 0])[owner.id or 0]
    other = next(one for one in listed if one.paper_id not in shown | sent)
    before = explained(site, other.paper_id, email=READER)
    assert before["stored"]
    with site.app.database.write() as session:
        word = Feedback(
            subscriber_id=owner.id,
            paper_id=other.paper_id,
            kind=FeedbackKind.SAVED,
            created_at=site.app.now(),
        )
        subscriber_rows.add_feedback(session, word)
    assert explained(site, other.paper_id, email=READER)["cause"] == before["cause"]
    wish = InterestWish(name="All of its title", keywords=(other.title,))
    with site.app.database.write() as session:
        wishes = replace(stored, interests=(wish,), max_papers=30)
        store_wishes(session, owner, wishes, site.app.now())
    answer = explained(site, other.paper_id, email=READER)
    assert answer["cause"] == "changed_since"


def test_the_command(tmp_path: object) -> None:
    """Text, JSON, and what is wrong usage."""
    monday = "2026-01-12"
    days = {monday: [item(number, title=f"Dense retrieval the {number}th way") for number in range(1, 4)]}
    with serving(DailyServer(days)) as server:
        configure(server.url)
        ok("refresh", "--date", monday)
    ok("subscriber", "add", NEW, "--active", "--now", "2026-01-01T00:00:00Z")
    ok("interest", "add", NEW, "--name", "Retrieval", "--keyword", "dense retrieval")
    told = ok("explain", NEW, "2601.90001", "--date", monday)
    assert told.out.splitlines()[0] == "#1  2601.90001  Dense retrieval the 1th way"
    assert "It would be paper" in told.out
    assert max(map(len, told.out.splitlines())) <= 110
    answer = ok("explain", NEW, "#1", "--date", monday, "--json").json
    assert (answer["cause"], answer["date"], answer["paper"]["id"]) == ("shown", monday, 1)
    assert ok("explain", NEW, "nothing at all", "--json").json["cause"] == "not_stored"
    assert run("explain", "nobody@example.org", "1").code == 2
    assert run("explain", NEW).code == 2
