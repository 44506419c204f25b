"""Groups: their interests join their members', and a list gets one digest without anybody's own links."""

from collections.abc import Iterator
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlmodel import select

from digest.app import make_app
from digest.checking import read_settings
from digest.models import Delivery, Feedback, Group, Interest, StoredRecommendation, Subscriber
from digest.pipeline.incoming import Incoming
from digest.pipeline.signing_up import ask, ask_for_link
from digest.pipeline.wishes import Wishes
from digest.storage.database import Database
from digest.storage.groups import is_group
from digest.storage.profiles import load_profiles
from digest.storage.subscribers import get_subscriber, list_subscriptions
from tests.bounce_mails import complaint, dsn, failed
from tests.cli_runner import ok, run
from tests.daily_server import DailyServer, item, serving
from tests.test_main_job import body, configure, mails

LIST = "seminar@lists.example.org"
WEB = 'base_url = "https://digest.example.org"'
DAY = "2026-01-12"
NOW = ("--now", f"{DAY}T00:00:00Z")


@pytest.fixture
def server() -> Iterator[DailyServer]:
    """One day of papers, of which three are on graphs and three on proteins."""
    papers = [item(n, title=f"Graph networks of kind {n}", votes=n) for n in (1, 2, 3)]
    papers += [item(n, title=f"Folding proteins of kind {n}", votes=n) for n in (4, 5, 6)]
    papers += [item(n, title=f"Something else of kind {n}", votes=n) for n in range(7, 13)]
    with serving(DailyServer({DAY: papers}, page_cap=50)) as site:
        configure(site.url, WEB)
        yield site


def opened() -> "closing[Database]":
    return closing(make_app(read_settings()).database)


def mail_to(address: str) -> EmailMessage:
    (found,) = [one for one in mails() if one["To"] == address]
    return found


def set_up(*, list_address: bool = True) -> None:
    """A group on graphs, whose one member is on proteins."""
    ok("subscriber", "add", "ada@example.org", "--active", *NOW)
    ok("interest", "add", "ada@example.org", "--name", "Proteins", "--keyword", "folding proteins")
    ok("group", "add", "Seminar", *(("--list", LIST) if list_address else ()), *NOW)
    ok("group", "interest", "add", "Seminar", "--name", "Graphs", "--keyword", "graph networks")
    ok("group", "join", "Seminar", "ada@example.org")


def test_a_member_gets_the_groups_interests_beside_their_own(server: DailyServer) -> None:
    """Named as the group's in the mail; each paper is there for one of both."""
    set_up(list_address=False)
    assert ok("run", "--date", DAY, "--json").json["deliver"]["sent"] == 1
    text = body(mail_to("ada@example.org"), "plain")
    assert "Graphs (Seminar)" in text
    assert "Graph networks of kind" in text
    assert "Folding proteins of kind" in text
    with opened() as database, database.read() as session:
        rows = session.exec(select(StoredRecommendation)).all()
        own = session.exec(select(Interest.id).where(Interest.name == "Proteins")).one()
        assert {row.interest_id for row in rows if row.interest == "Proteins"} == {own}
        assert {row.interest_id for row in rows if row.interest == "Graphs (Seminar)"} == {None}
    assert server.asked


def test_what_a_member_says_is_their_own(server: DailyServer) -> None:
    """It changes neither the group nor what the group's list gets."""
    set_up(list_address=False)
    ok("run", "--date", DAY)
    ok("feedback", "add", "ada@example.org", "2601.90001", "less")
    with opened() as database, database.read() as session:
        (said,) = session.exec(select(Feedback)).all()
        assert said.interest_id is None
        group = session.exec(select(Group)).one()
        pairs = [
            (session.get_one(Subscriber, number), list_subscriptions(session, number)[0])
            for number in (said.subscriber_id, group.subscriber_id)
        ]
        member, shared = load_profiles(session, pairs, max_papers=5, trend_weight=0.3)
    assert [one.name for one in member.interests] == ["Proteins", "Graphs (Seminar)"]
    assert [len(one.examples) for one in shared.interests] == [0]
    assert [len(one.examples) for one in member.interests][1] == 0
    assert server.asked


def test_the_list_gets_one_digest_without_anybodys_links(server: DailyServer) -> None:
    """Of the group's interests; it says how to leave, and its headers promise nothing that is the list's."""
    set_up()
    assert ok("run", "--date", DAY, "--json").json["deliver"]["sent"] == 2
    shared, own = mail_to(LIST), mail_to("ada@example.org")
    with opened() as database, database.read() as session:
        number = session.exec(select(Group.subscriber_id)).one()
    assert shared["List-Id"] == f'"Paper digest" <group-{number}.digest.localhost>'
    for name in ("List-Unsubscribe", "List-Unsubscribe-Post", "List-Help", "List-Post"):
        assert shared[name] is None
    assert own["List-Unsubscribe"] is not None
    assert shared["Auto-Submitted"] == "auto-generated"
    assert shared["Precedence"] == "bulk"
    for kind in ("plain", "html"):
        text = body(shared, kind)
        assert "Graph networks of kind" in text
        assert "leave the list in its own way" in text
        assert not any(word in text for word in ("digest.example.org/", "mailto:", "nsubscribe"))
        assert "you subscribed" not in text
        assert "digest.example.org/u/" in body(own, kind)
    assert "Folding" not in body(shared, "plain").partition("TRENDING")[0]
    assert server.asked


def test_it_comes_at_the_groups_hour(server: DailyServer) -> None:
    """And to another address from a change on, or to none."""
    set_up()
    ok("group", "change", "Seminar", "--hour", "15", "--zone", "UTC")
    ok("--now", f"{DAY}T08:00:00Z", "run")
    assert [one["To"] for one in mails()] == ["ada@example.org"]
    ok("group", "change", "Seminar", "--list", "other@lists.example.org")
    ok("--now", f"{DAY}T15:10:00Z", "run")
    assert sorted(one["To"] for one in mails()) == ["ada@example.org", "other@lists.example.org"]
    ok("group", "change", "Seminar", "--no-list")
    assert ok("group", "list", "--json").json[0]["list"] is None
    ok("--now", "2026-01-13T15:10:00Z", "run")
    assert sum(one["To"] != "ada@example.org" for one in mails()) == 1
    assert server.asked


@pytest.mark.parametrize("first", [(), ("--no-list",)])
def test_what_was_composed_for_an_address_is_not_sent_once_the_list_moved(
    server: DailyServer, first: tuple[str, ...]
) -> None:
    """Neither to the old address nor to the new one; nor after a time without a list."""
    set_up()
    ok("--now", f"{DAY}T08:00:00Z", "refresh")
    ok("--now", f"{DAY}T08:00:00Z", "compose")
    if first:
        ok("group", "change", "Seminar", *first)
        ok("--now", f"{DAY}T08:10:00Z", "deliver")
    ok("group", "change", "Seminar", "--list", "new@lists.example.org")
    ok("--now", f"{DAY}T08:20:00Z", "deliver")
    assert [one["To"] for one in mails()] == ["ada@example.org"]
    ok("--now", "2026-01-13T08:20:00Z", "run")
    assert [one["To"] for one in mails() if one["To"] != "ada@example.org"] == ["new@lists.example.org"]
    assert server.asked


def test_nobody_gets_at_a_list_by_its_address() -> None:
    """Strangers get no link to its preferences, and no mail in its name lets it leave."""
    configure("http://127.0.0.1:9", WEB)
    set_up()
    app = make_app(read_settings())
    for step in (
        lambda: ask(app, LIST, Wishes(), network="n", now=app.now()),
        lambda: ask_for_link(app, LIST, network="n", now=app.now()),
    ):
        step()
    ok("deliver")
    assert mails() == []
    incoming = Incoming(app.database, app.secret_key())
    mail = f"From: {LIST}\r\nTo: digest@localhost\r\nSubject: unsubscribe\r\n\r\n"
    assert incoming.take(mail.encode(), app.now()) == ("unknown", False)
    with app.database.read() as session:
        found = get_subscriber(session, LIST)
        assert found is not None
        assert found.status == "active"
        assert is_group(session, found.id or 0)
    app.database.close()
    assert "digest group delete" in run("subscriber", "remove", LIST).err


def test_a_group_is_not_counted_as_a_reader(server: DailyServer) -> None:
    """One reader, one list: how things stand, the metrics and the week's mail count the one."""
    set_up()
    assert run("status", "--json", *NOW).json["subscribers"] == {"active": 1}
    assert 'digest_readers{status="active"} 1.0' in ok("status", "--metrics").out


def test_what_one_person_on_a_list_sends_back_does_not_stop_it(server: DailyServer) -> None:
    """Bounce and complaint are kept to be looked at; what names the list itself stops it, and is told."""
    set_up()
    ok("run", "--date", DAY)
    app = make_app(read_settings())
    with app.database.read() as session:
        sent = session.exec(select(Delivery).where(Delivery.recipient == LIST)).one()
    tagged = sent.envelope_from or ""
    incoming = Incoming(app.database, app.secret_key())
    for back in (
        dsn(failed(address="cy@example.net"), to=tagged),
        dsn(failed("4.2.2", address="cy@example.net"), to=tagged),
        complaint(mail_from=tagged, recipient="Original-Rcpt-To: <cy@example.net>\n"),
        complaint(mail_from=tagged, recipient=f"Original-Rcpt-To: <{LIST}>\n"),
    ):
        assert incoming.take(back, app.now()) == ("ignored", False)
    assert ok("group", "list", "--json").json[0]["status"] == "active"
    assert ok("suppression", "list", "--json").json == []
    assert len(ok("bounces", "list", "--json").json) == 4
    assert "Seminar" not in run("status").out
    assert incoming.take(dsn(failed(address=LIST.upper()), to=tagged), app.now()) == ("bounced", True)
    app.database.close()
    assert ok("group", "list", "--json").json[0]["status"] == "bounced"
    told = run("status")
    assert told.code == 1
    assert "The list of Seminar gets no digest any more: it is bounced" in told.out
    assert "digest subscriber activate ADDRESS" in told.out
    ok("subscriber", "activate", LIST)
    assert "Seminar" not in run("status").out
    assert server.asked


def test_deleting_a_group_leaves_its_members(server: DailyServer) -> None:
    """And nothing else of it."""
    set_up()
    ok("run", "--date", DAY)
    ok("group", "delete", "Seminar")
    assert ok("group", "list", "--json").json == []
    shown = ok("subscriber", "show", "ada@example.org", "--json").json
    assert (shown["status"], shown["groups"]) == ("active", [])
    with opened() as database, database.read() as session:
        assert [row.email for row in session.exec(select(Subscriber))] == ["ada@example.org"]
        assert [row.name for row in session.exec(select(Interest))] == ["Proteins"]
    assert server.asked


def test_the_commands_say_what_is_wrong() -> None:
    """In one sentence, and change nothing."""
    configure("http://127.0.0.1:9")
    set_up()
    before = ok("group", "show", "Seminar", "--json").json
    for words, told in (
        (("add", "Seminar"), "already"),
        (("add", "  "), "needs a name"),
        (("add", "Other", "--list", "ada@example.org"), "a subscriber already"),
        (("add", "Other", "--list", "nobody"), "no mail address"),
        (("add", "Other", "--hour", "25"), "no hour"),
        (("show", "Seminars"), "no group 'Seminars'"),
        (("join", "Seminar", "bo@example.org"), "nobody is subscribed"),
        (("join", "Seminar", LIST), "list address of a group"),
        (("leave", "Seminar", LIST), "does not belong"),
        (("change", "Seminar", "--list", LIST, "--no-list"), "not both"),
        (("interest", "remove", "Seminar", "--name", "X"), "Seminar has no interest named 'X'"),
    ):
        ran = run("group", *words)
        assert (ran.code, told in ran.err) == (2, True), ran.err
    assert ok("group", "show", "Seminar", "--json").json == before
    assert ok("group", "join", "Seminar", "ada@example.org").out == "Seminar: 0 joined\n"
    ok("group", "leave", "Seminar", "ada@example.org")
    ok("group", "interest", "remove", "Seminar", "--name", "Graphs")
    after = ok("group", "show", "Seminar", "--json").json
    assert (after["members"], after["interests"]) == ([], [])
    assert ok("group", "interest", "list", "Seminar", "--json").json == []
    assert Path("data/digest.db").exists()
