"""Transfer: a profile as a document goes on elsewhere as it was, and no document does harm."""

import copy
import json
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.diff import SourceFacts, diff
from digest.errors import UsageError
from digest.models import Feedback, Paper
from digest.pipeline.liked import read_upload
from digest.pipeline.liked_import import apply_library, plan_library
from digest.pipeline.profile_document import load_json, read_profile
from digest.pipeline.readers import Schedule, add_subscriber
from digest.pipeline.transfer import ImportPlan, apply_import, export_profile, plan_import
from digest.pipeline.wishes import load_wishes
from digest.sources import TRUST
from digest.storage import papers as paper_rows
from digest.storage import sources as source_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage.saved import list_feedback
from digest.storage.works import add_works, find_works
from digest.types import Entry, IssueView, SubscriberStatus
from tests.hostile_text import hostile_text
from tests.web_site import READER, WebSite, demo_folder, serving_web, site

__all__ = ["demo_folder", "site"]

NEW = "somebody.else@example.net"
# Papers have other numbers in every installation.
SHIFT = 5000


@pytest.fixture
def elsewhere(tmp_path: Path, demo_folder: Path) -> Iterator[WebSite]:
    """An installation that has read the same pages, numbers its papers otherwise, and has no readers."""
    folder = tmp_path / "prepared"
    shutil.copytree(demo_folder, folder)
    # A model knows papers by their numbers in its own database.
    shutil.rmtree(folder / "models")
    with sqlite3.connect(folder / "digest.db") as connection:
        connection.execute("pragma foreign_keys = off")
        for table in ("issues", "recommendations", "deliveries", "feedback", "interests", "subscriptions"):
            connection.execute(f"delete from {table}")
        connection.execute("delete from subscribers")
        for table in ("paper_ids", "paper_versions", "entries", "observations", "enrichments"):
            connection.execute(f"update {table} set paper_id = paper_id + {SHIFT}")
        connection.execute(f"update papers set id = id + {SHIFT}")
    connection.close()
    with serving_web(tmp_path / "elsewhere", folder) as made:
        schedule = Schedule(zone="Pacific/Auckland", hour=22)
        add_subscriber(made.app.database, NEW, schedule, active=True, now=made.app.now())
        yield made


def exported(site: WebSite, email: str = READER) -> dict[str, Any]:
    with site.app.database.read() as session:
        document = export_profile(session, site.subscriber(email))
    return json.loads(json.dumps(document))


def imported(site: WebSite, document: object, email: str = NEW) -> ImportPlan:
    with site.app.database.write() as session:
        return apply_import(session, site.subscriber(email), document, site.app.now())


def planned(site: WebSite, document: object, email: str = NEW) -> ImportPlan:
    with site.app.database.read() as session:
        return plan_import(session, site.subscriber(email), document, site.app.now())


def preview(site: WebSite, email: str) -> IssueView:
    reader = site.subscriber(email)
    with site.app.database.read() as session:
        wishes = load_wishes(session, reader.id)
    return site.web.site.previewer.preview(wishes, site.web.site.moment(), subscriber=reader)


def shown(view: IssueView) -> list[tuple[object, ...]]:
    """What a reader sees of an issue, without numbers of papers."""
    return [(one.paper.title, one.section, one.interest, one.reasons) for one in view.items]


def say(site: WebSite, paper: Paper, kind: str, email: str = READER, **given: Any) -> None:
    reader = site.subscriber(email)
    with site.app.database.write() as session:
        at = given.pop("at", site.app.now())
        row = Feedback(subscriber_id=reader.id, paper_id=paper.id, kind=kind, created_at=at, **given)
        subscriber_rows.add_feedback(session, row)


def papers(site: WebSite, n: int = 500) -> list[Paper]:
    with site.app.database.read() as session:
        return paper_rows.list_papers(session, limit=n)


def said(site: WebSite, email: str = NEW) -> dict[tuple[str, str], Feedback]:
    with site.app.database.read() as session:
        rows = list_feedback(session, site.subscriber(email).id)
        titles = {one.id: one.title for one in session.exec(_all_papers())}
    return {(titles[one.paper_id], one.kind): one for one in rows}


def _all_papers() -> Any:
    from sqlmodel import select

    return select(Paper)


# --- there and back --------------------------------------------------------------------------------


def test_a_profile_goes_on_elsewhere_with_the_same_papers_order_and_reasons(
    site: WebSite, elsewhere: WebSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every reader of the demonstration, with what they said of papers they had and of ones they had not.

    Both installations fit their own model of the same papers. A reader's threshold stays behind: it is learnt
    from how good the papers were that were sent, by the model of then.
    """
    monkeypatch.setattr("digest.pipeline.thresholds.with_thresholds", lambda _, profiles, __: profiles)
    shutil.rmtree(site.app.settings.data_dir / "models")
    with site.app.database.read() as session:
        readers = [one.email for one in subscriber_rows.list_subscribers(session) if one.email]
    some = papers(site)
    for number, email in enumerate(readers):
        say(site, some[number], "more", email)
        say(site, some[number + 10], "saved", email, note="first\nsecond")
        say(site, some[number + 20], "less", email)
        say(site, some[number + 30], "seen", email)
        with site.app.database.read() as session:
            interests = subscriber_rows.list_interests(session, site.subscriber(email).id)
        if interests:
            say(site, some[number + 40], "more", email, interest_id=interests[-1].id)
    nothing = 0
    for email in readers:
        there = f"there-{email}"
        add_subscriber(elsewhere.app.database, there, Schedule(), active=True, now=elsewhere.app.now())
        plan = imported(elsewhere, exported(site, email), there)
        assert (plan.problems, plan.unknown) == ((), 0)
        here, gone = shown(preview(site, email)), shown(preview(elsewhere, there))
        assert gone == here
        nothing += not here
        assert planned(elsewhere, exported(site, email), there).is_empty
    assert nothing < len(readers)


def test_without_what_was_received_the_preview_would_be_another(site: WebSite, elsewhere: WebSite) -> None:
    document = exported(site)
    del document["received"]
    imported(elsewhere, document)
    assert shown(preview(elsewhere, NEW)) != shown(preview(site, READER))


def test_what_is_exported_is_exported_again_after_an_import(site: WebSite, elsewhere: WebSite) -> None:
    say(site, papers(site)[0], "saved", note="a\nb")
    first = exported(site)
    imported(elsewhere, first)
    second = exported(elsewhere, NEW)
    assert second["address"] == NEW
    for name in ("wishes", "feedback", "pause"):
        told = [
            {**one, "paper": document["papers"][one["paper"]]["title"]}
            for document in (first, second)
            for one in document.get("feedback", [])
        ]
        assert told[: len(told) // 2] == told[len(told) // 2 :]
        if name != "feedback":
            assert _without_places(second[name]) == _without_places(first[name])


def test_examples_are_the_stored_papers_under_their_numbers_here(site: WebSite, elsewhere: WebSite) -> None:
    liked = read_upload(site.app.database, "", f"{papers(site)[0].title}\nOne that nobody knows\n".encode())
    with site.app.database.write() as session:
        apply_library(session, site.subscriber(), "", liked, site.app.now())
    imported(elsewhere, exported(site))

    def examples(where: WebSite, email: str) -> list[int | None]:
        with where.app.database.read() as session:
            wishes = load_wishes(session, where.subscriber(email).id)
        return [example["paper_id"] for one in wishes.interests for example in one.examples]

    here = examples(site, READER)
    assert any(here)
    assert examples(elsewhere, NEW) == [number and number + SHIFT for number in here]


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_places(one) for name, one in value.items() if name != "paper"}
    return [_without_places(one) for one in value] if isinstance(value, list) else value


def test_a_document_names_papers_by_ids_and_words_and_never_by_our_numbers(site: WebSite) -> None:
    paper = next(one for one in papers(site) if one.arxiv_id)
    say(site, paper, "saved", note="why")
    document = exported(site)
    assert (document["format"], document["version"], document["address"]) == (
        "paper-digest-profile",
        1,
        READER,
    )
    told = next(one for one in document["papers"] if one.get("arxiv_id") == paper.arxiv_id)
    assert (told["title"], told["abstract"]) == (paper.title, paper.abstract)
    assert "paper_id" not in json.dumps(document)
    assert document["feedback"][0]["note"] == "why"
    # Of papers that were only received the abstract would be megabytes in a year.
    received = [document["papers"][place] for place in document["received"]]
    assert any("abstract" not in one for one in received)


# --- papers that are not here yet ------------------------------------------------------------------


IDS = {"pmid": "31452104", "acl": "X"}


def profile(**given: Any) -> dict[str, Any]:
    base = {
        "format": "paper-digest-profile",
        "version": 1,
        "wishes": {"interests": [{"name": "Proteins", "keywords": ["folding"]}]},
        "papers": [
            {"title": "An unknown paper", "abstract": "This.", "arxiv_id": "2401.99999", "doi": "10.1/x"},
            {"title": "Another unknown paper", "abstract": "That.", "other_ids": IDS},
        ],
        "feedback": [{"paper": 0, "kind": "saved", "note": "n", "at": "2026-01-02T03:04:05+00:00"}],
        "received": [0, 1],
    }  # fmt: skip
    return base | given


def test_an_unknown_paper_is_remembered_and_joined_when_a_source_lists_it(site: WebSite) -> None:
    plan = imported(site, profile(), READER)
    assert (plan.unknown, plan.received) == (2, 2)
    with site.app.database.write() as session:
        row = paper_rows.find_paper(session, "2401.99999")
        assert (row.title, row.text_by, row.doi) == ("An unknown paper", "import", None)
        entry = Entry(
            title="Its true title",
            abstract="Its true abstract.",
            position=1,
            arxiv_id="2401.99999",
            source_ref="r1",
        )
        source = source_rows.ensure_source(session, "other", "arxiv", "", site.app.now())
        later = site.app.now() + timedelta(days=1)
        known = paper_rows.find_known(session, source.id, [entry])
        facts = SourceFacts("arxiv", "other", TRUST)
        changes = diff([entry], known, listed_on=None, today=later.date(), source=facts)
        assert paper_rows.apply_changes(session, source.id, changes, later, trust_of=TRUST) == [row.id]
    with site.app.database.read() as session:
        row = paper_rows.find_paper(session, "2401.99999")
        assert (row.title, row.abstract, row.text_by) == ("Its true title", "Its true abstract.", "arxiv")


def test_an_unknown_paper_is_recommended_to_nobody(site: WebSite) -> None:
    before = shown(preview(site, READER))
    say_nothing = profile(wishes=exported(site)["wishes"], feedback=[], received=[0, 1])
    imported(site, say_nothing, READER)
    assert shown(preview(site, READER)) == before
    with site.app.database.read() as session:
        row = paper_rows.find_paper(session, "2401.99999")
        today = site.app.now().date()
        listed = paper_rows.list_candidates(session, first_day=date(2000, 1, 1), last_day=today)
    assert row.id not in {one.paper_id for one in listed}


def test_a_document_changes_no_paper_that_is_stored_and_joins_none(site: WebSite) -> None:
    """Whatever ids it claims to belong together: it is a reader's word."""
    one, other = [paper for paper in papers(site) if paper.arxiv_id][:2]
    claim = {
        "title": "Lies",
        "abstract": "All of it.",
        "arxiv_id": one.arxiv_id,
        "doi": "10.1000/mine",
        "url": "https://evil.example/",
    }
    both = {"title": other.title, "abstract": other.abstract, "doi": "10.1000/yours"}
    before = site.rows()
    imported(site, profile(papers=[claim, both], received=[0, 1], feedback=[]), READER)
    after = site.rows()
    for table in ("papers", "paper_ids", "paper_versions", "paper_joins", "entries"):
        assert after[table] == before[table], table


def test_of_an_unknown_paper_only_the_strongest_id_is_believed(site: WebSite) -> None:
    imported(site, profile(), READER)
    with site.app.database.read() as session:
        assert paper_rows.find_paper(session, "10.1/x") is None
        assert paper_rows.find_paper(session, "Another unknown paper") is not None
    assert len([row for row in site.rows()["paper_ids"] if "31452104" in str(row) or "'X'" in str(row)]) == 1


def test_the_same_unknown_paper_is_stored_once(site: WebSite) -> None:
    paper = profile()["papers"][0]
    plan = imported(site, profile(papers=[paper, paper], received=[0, 1]), READER)
    assert plan.unknown == 1
    assert imported(site, profile(papers=[paper, paper], received=[0, 1]), READER).unknown == 0


def test_an_example_that_is_not_stored_counts_by_its_words(site: WebSite, elsewhere: WebSite) -> None:
    document = profile(received=[], feedback=[])
    example = {"title": "An unknown paper", "abstract": "About a thing.", "paper": 0}
    document["wishes"]["interests"][0]["examples"] = [
        example,
        {"title": "Only words"},
        {"title": "x", "paper": 99},
    ]
    plan = imported(elsewhere, document)
    (interest,) = plan.wishes.interests
    assert [(one["paper_id"], one["title"]) for one in interest.examples] == [
        (None, "An unknown paper"),
        (None, "Only words"),
        (None, "x"),
    ]
    assert plan.unknown == 1


def test_an_example_with_an_id_is_filed_and_recognised_when_it_is_listed(
    site: WebSite, elsewhere: WebSite
) -> None:
    document = profile(received=[], feedback=[])
    document["wishes"]["interests"][0]["examples"] = [{"title": "An unknown paper", "paper": 0}]
    imported(elsewhere, document)
    with elsewhere.app.database.read() as session:
        (interest,) = load_wishes(session, elsewhere.subscriber(NEW).id).interests
        (example,) = interest.examples
        assert example["paper_id"] == find_works(session, [unknown_paper()])[0] is not None
    assert planned(elsewhere, document).is_empty


def unknown_paper() -> Entry:
    """The first paper of :func:`profile`."""
    paper = profile()["papers"][0]
    return Entry(title=paper["title"], position=1, arxiv_id=paper.get("arxiv_id"), doi=paper.get("doi"))


# --- what an import does to what is there ----------------------------------------------------------


def test_words_are_added_and_of_opposites_the_later_counts(site: WebSite) -> None:
    known = papers(site)[:5]
    then, now = site.app.now() - timedelta(days=9), site.app.now()
    say(site, known[0], "more", at=then)
    say(site, known[1], "more", at=now)
    say(site, known[2], "saved", note="mine", at=then)
    say(site, known[3], "saved", at=then)
    between = (now - timedelta(days=3)).isoformat()
    told = [
        {"paper": 0, "kind": "less", "at": between},
        {"paper": 1, "kind": "less", "at": between},
        {"paper": 2, "kind": "saved", "note": "theirs", "at": between},
        {"paper": 3, "kind": "saved", "note": "theirs", "at": between},
        {"paper": 4, "kind": "more", "at": "9998-01-01T00:00:00+00:00", "interest": "no such"},
    ]
    listed = [{"title": one.title, "abstract": one.abstract, "arxiv_id": one.arxiv_id} for one in known]
    document = profile(papers=listed, feedback=told, received=[])
    plan = imported(site, document, READER)
    assert plan.said == {"more": 1, "less": 1}
    assert plan.notes == 1
    after = {(one.paper_id, one.kind): one for one in said(site, READER).values()}
    kinds = {paper.id: [kind for paper_id, kind in after if paper_id == paper.id] for paper in known[:2]}
    assert kinds == {known[0].id: ["less"], known[1].id: ["more"]}
    assert after[known[2].id, "saved"].note == "mine"
    assert after[known[3].id, "saved"].note == "theirs"
    assert after[known[4].id, "more"].created_at == now
    assert planned(site, document, READER).is_empty


def test_wishes_become_those_of_the_document_and_the_address_stays(site: WebSite) -> None:
    with site.app.database.read() as session:
        before = load_wishes(session, site.subscriber().id)
    wishes = {
        "interests": [
            {"name": before.interests[0].name, "keywords": ["x"]},
            {"name": "New", "authors": ["A B"]},
        ],
        "cadence": "weekly",
        "hour": 9,
        "zone": "Asia/Tokyo",
    }
    plan = imported(site, profile(wishes=wishes, address="evil@example.org"), READER)
    assert plan.added == ("New",)
    assert plan.changed == (before.interests[0].name,)
    assert plan.removed == tuple(one.name for one in before.interests[1:])
    assert plan.schedule
    with site.app.database.read() as session:
        after = load_wishes(session, site.subscriber().id)
        assert (after.cadence, after.hour, after.zone) == ("weekly", 9, "Asia/Tokyo")
        assert subscriber_rows.get_subscriber(session, "evil@example.org") is None


@pytest.mark.parametrize(
    ("status", "pause", "told"),
    [
        ("active", {"paused": True, "until": None}, ("paused", None)),
        ("active", {"paused": True, "until": "2100-01-01"}, ("paused", date(2100, 1, 1))),
        ("active", {"paused": True, "until": "2000-01-01"}, ("active", None)),
        ("active", {"paused": False}, ("active", None)),
        ("active", {"paused": "yes"}, ("active", None)),
        ("paused", {"paused": False}, ("paused", None)),
        ("unsubscribed", {"paused": True}, ("unsubscribed", None)),
        ("unconfirmed", {"paused": True}, ("unconfirmed", None)),
    ],
)
def test_a_pause_goes_along_and_lets_nobody_in(
    site: WebSite, status: str, pause: dict[str, Any], told: tuple[str, date | None]
) -> None:
    with site.app.database.write() as session:
        subscriber_rows.set_status(session, site.subscriber(), SubscriberStatus(status), now=site.app.now())
    imported(site, profile(pause=pause), READER)
    reader = site.subscriber()
    assert (reader.status, reader.paused_until) == told


def test_planning_stores_nothing(site: WebSite) -> None:
    before = site.rows()
    plan = planned(site, profile(), READER)
    assert (plan.unknown, plan.said, plan.notes) == (2, {"saved": 1}, 1)
    assert site.rows() == before


def test_a_reader_cannot_fill_the_database(site: WebSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digest.pipeline.transfer.MAX_FEEDBACK", 2)
    before = site.rows()
    with pytest.raises(UsageError, match="more than 2 words"):
        imported(site, profile(), READER)
    assert site.rows() == before


# --- documents from anywhere -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": ' * 50_000, b"nul", b"\xef\xbb\xbf{"],
)
def test_what_is_no_json_is_told_in_words(data: bytes) -> None:
    with pytest.raises(UsageError, match="file"):
        load_json(data)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"format": "paper-digest-profile"},
        {"format": "paper-digest-profile", "version": 2, "wishes": {}},
        {"format": "paper-digest-profile", "version": True, "wishes": {}},
        {"format": "paper-digest-profile", "version": 1},
        {"format": "paper-digest-profile", "version": 1, "wishes": []},
        profile(wishes={"cadence": "hourly" * 10_000}),
        profile(wishes={"zone": "../../etc/passwd"}),
        profile(wishes={"hour": 99}),
        profile(wishes={"interests": [{"name": ["x"], "examples": "abc"}]}),
        profile(wishes={"interests": {"a": 1}}),
    ],
)
def test_what_is_no_profile_is_told_in_words(document: object) -> None:
    with pytest.raises(UsageError) as told:
        read_profile(document)
    assert len(str(told.value)) < 300


def test_what_is_wrong_in_lists_is_left_out_and_told() -> None:
    found = read_profile(
        profile(
            papers=[{"title": "ok"}, {}, 3, {"title": ["x"]}, {"arxiv_id": "1706.03762", "authors": "x"}],
            feedback=[
                {"paper": 0, "kind": "saved"},
                {"paper": 1, "kind": "saved"},
                {"paper": 0, "kind": "seen"},
                7,
            ],
            received=[0, 0, 1, -1, True, 10**30, "x"],
        )
    )
    assert [paper.title if paper else None for paper in found.papers] == [
        "ok",
        None,
        None,
        None,
        "arXiv:1706.03762",
    ]
    assert [(one.place, one.at) for one in found.said] == [(0, None)]
    assert found.received == (0,)
    assert found.problems == (
        "3 × a paper without a title, arXiv id or DOI",
        "3 × a word on a paper that cannot be read",
        "5 × a received paper that is not among the papers",
    )


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | hostile_text | st.sampled_from(
        ["2401.99999", "10.1/x", "saved", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "daily"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile_text, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def _spots(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        inner = [spot for name, one in value.items() for spot in _spots(one, (*path, name))]
    elif isinstance(value, list):
        inner = [spot for place, one in enumerate(value) for spot in _spots(one, (*path, place))]
    else:
        inner = []
    return [path, *inner]


WHOLE = profile(
    wishes={
        "interests": [
            {
                "name": "A",
                "about": "b",
                "keywords": ["k"],
                "examples": [{"title": "t", "abstract": "a", "paper": 0, "paper_id": 3}],
            }
        ],
        "cadence": "daily",
        "weekday": "mon",
        "hour": 7,
        "zone": "UTC",
        "mail": True,
        "feed": True,
        "max_papers": 5,
        "trend_weight": 0.5,
        "hidden_sections": ["Rising"],
    },
    pause={"paused": True, "until": "2100-01-01"},
)


@given(st.lists(st.tuples(st.sampled_from(_spots(WHOLE)), anything), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_no_document_breaks_anything_or_is_stored_in_part(
    site: WebSite, changes: list[tuple[Any, Any]]
) -> None:
    """It is imported wholly, or refused in words with everything as it was."""
    document: Any = {"x": copy.deepcopy(WHOLE)}
    for path, value in changes:
        here = document
        try:
            for step in ("x", *path)[:-1]:
                here = here[step]
            here[("x", *path)[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue
    before = site.rows()
    refused, plan = None, None
    try:
        plan = imported(site, document["x"], READER)
    except UsageError as error:
        refused = str(error)
    if plan is None:
        assert refused is not None
        assert len(refused) < 300
        assert site.rows() == before
    else:
        assert planned(site, document["x"], READER).is_empty


# --- libraries -------------------------------------------------------------------------------------


def test_a_library_becomes_examples_of_an_interest(site: WebSite) -> None:
    paper = next(one for one in papers(site) if one.arxiv_id)
    data = f"@misc{{a, title={{{{x}}}}, eprint={{{paper.arxiv_id}}}}}\n@book{{b, title={{Unknown}}}}".encode()
    liked = read_upload(site.app.database, "a.bib", data)
    with site.app.database.read() as session:
        plan = plan_library(session, site.subscriber(), "  My <b>reading</b> ", liked)
    assert (plan.interest, plan.is_new, plan.papers, plan.known) == ("My reading", True, 2, 1)
    with site.app.database.write() as session:
        apply_library(session, site.subscriber(), "My reading", liked, site.app.now())
    with site.app.database.write() as session:
        again = apply_library(session, site.subscriber(), "My reading", liked, site.app.now())
        assert (again.is_new, again.papers, again.there, again.is_empty) == (False, 0, 2, True)
        interest = load_wishes(session, site.subscriber().id).interests[-1]
    assert [(one["paper_id"], one["title"]) for one in interest.examples] == [
        (paper.id, paper.title),
        (None, "Unknown"),
    ]


def test_a_library_without_a_name_goes_to_the_papers_you_liked(site: WebSite) -> None:
    liked = read_upload(site.app.database, "", b"A title that nobody knows\n")
    with site.app.database.read() as session:
        assert plan_library(session, site.subscriber(), " ", liked).interest == "Papers you liked"


def test_too_large_a_library_is_refused_in_words(site: WebSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digest.pipeline.liked_import.MAX_EXAMPLES", 1)
    liked = read_upload(site.app.database, "", b"One title\nTwo titles\n")
    with site.app.database.read() as session, pytest.raises(UsageError, match="at most 1 papers"):
        plan_library(session, site.subscriber(), "", liked)


# --- finding works ---------------------------------------------------------------------------------


def test_works_are_found_by_the_strongest_id_and_never_against_another(site: WebSite) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with site.app.database.write() as session:
        ids = add_works(
            session,
            [
                Entry(title="By arXiv", abstract="a", position=1, arxiv_id="2301.00001"),
                Entry(title="By DOI", abstract="b", position=1, doi="10.5/Y"),
                Entry(title="By number", abstract="c", position=1, other_ids=(("pmid", "7"),)),
                Entry(title="By title", position=1),
            ],
            now,
        )

        def find(**given: Any) -> int | None:
            return find_works(session, [Entry(**{"title": "?", "position": 1, **given})])[0]

        assert find(arxiv_id="2301.00001", doi="10.9/other") == ids[0]
        assert find(doi="10.48550/arXiv.2301.00001") == ids[0]
        assert find(doi="10.5/y") == ids[1]
        assert find(doi="10.5/y", arxiv_id="2301.99999") == ids[1]
        assert find(other_ids=(("pmid", "7"),)) == ids[2]
        assert find(title="by TITLE") == ids[3]
        assert find(title="By title", doi="10.5/z") is None
        assert find(title="By arXiv", abstract="a") == ids[0]
        assert find(title="By arXiv", abstract="a", arxiv_id="2301.00002") is None
        assert find(title="By arXiv") is None
