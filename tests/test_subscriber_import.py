"""Importing readers from a file: bad lines are told, the rest is done, and nobody is revived."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_string
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlmodel import select

from digest import schedule
from digest.app import App, make_app
from digest.demo.program import DemoSettings
from digest.errors import UsageError
from digest.models import Consent, Subscriber
from digest.pipeline import signing_up
from digest.pipeline.consent import WORDING, show_consents
from digest.pipeline.groups import add_group, show_group
from digest.pipeline.leaving import leave_by_link
from digest.pipeline.moment import Moment
from digest.pipeline.readers import Schedule, activate_subscriber
from digest.pipeline.subscriber_import import ImportOrder, ImportReport, import_subscribers
from digest.pipeline.subscriber_table import MAX_BYTES, Table, read_table
from digest.pipeline.suppressing import add_suppression, remove_suppression
from digest.pipeline.wishes import Wishes, load_wishes
from digest.runs import run_deliver
from digest.storage import subscribers as subscriber_rows
from tests.cli_runner import run
from tests.test_main_job import configure

NOW = datetime(2026, 8, 3, 9, tzinfo=UTC)
USUAL = Wishes(hour=7, zone="Europe/Berlin")
TABLES = ("subscribers", "subscriptions", "interests", "consents", "memberships", "sign_ups", "letters")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    made = make_app(DemoSettings(data_dir=tmp_path / "data", base_url="https://digest.example.org"), now=NOW)
    yield made
    made.database.close()


def imported(app: App, table: str, *, now: datetime = NOW, **order: Any) -> ImportReport:
    return import_subscribers(app, table.encode(), ImportOrder("readers.csv", **order), now)


def counts(report: ImportReport) -> dict[str, int]:
    return {name: number for name, number in report.counts.items() if number}


def reader(app: App, email: str) -> Subscriber:
    with app.database.read() as session:
        found = subscriber_rows.get_subscriber(session, email)
    assert found is not None
    return found


def rows(app: App) -> dict[str, list[str]]:
    """Everything that an import can change."""
    with app.database.read() as session:
        return {name: sorted(map(repr, session.execute(text(f"SELECT * FROM {name}")))) for name in TABLES}


# --- the file --------------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_is_read_however_programs_write_it(coding: str, delimiter: str, end: str) -> None:
    """With or without a byte order mark, with the delimiter of the country."""
    lines = [["Name", "E-Mail", "Hour"], ["Zoë", "zoe@example.org", "06"], [], ["", "bo@example.org", "7:00"]]
    data = end.join(delimiter.join(line) for line in lines).encode(coding)
    table = read_table(data, USUAL)
    assert [(one.line, one.email, one.wishes.hour) for one in table.people] == [
        (2, "zoe@example.org", 6),
        (4, "bo@example.org", 7),
    ]
    assert (table.bad, table.ignored) == ((), ("name",))


def test_excels_own_first_line_counts_as_a_line() -> None:
    """So that line numbers are those that an editor shows."""
    table = read_table(b"sep=;\r\nemail;hour\r\nada@example.org;99\r\n", USUAL)
    assert [one.line for one in table.bad] == [3]


def test_every_column_is_understood() -> None:
    """And cells that span lines; what is left open is as usual."""
    data = (
        "email,zone,hour,cadence,weekday,language,papers,interests\n"
        'ada@example.org,Asia/Tokyo,6,Weekly,Thursday,DE,5,"Retrieval: dense retrieval; '
        'reranking\nVision: image"\n'
        "bo@example.org,,,,,,,graph networks | Proteins: folding\n"
    )
    ada, bo = read_table(data.encode(), USUAL).people
    assert (ada.wishes.zone, ada.wishes.hour, ada.wishes.cadence) == ("Asia/Tokyo", 6, "weekly")
    assert (ada.wishes.weekday, ada.wishes.max_papers, ada.wishes.language) == ("thu", 5, "de")
    assert [(one.name, one.keywords) for one in ada.wishes.interests] == [
        ("Retrieval", ("dense retrieval", "reranking")),
        ("Vision", ("image",)),
    ]
    assert bo.line == 4
    assert (bo.wishes.zone, bo.wishes.hour, bo.wishes.max_papers) == ("Europe/Berlin", 7, None)
    assert bo.wishes.language is None
    assert [one.name for one in bo.wishes.interests] == ["graph networks", "Proteins"]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("nobody,,,,,", "no mail address"),
        (",,,,,x: y", "has no address"),
        ("a@example.org,Mars/Base,,,,", "Mars/Base"),
        ("a@example.org,,25,,,", "25 is no hour"),
        ("a@example.org,,noon,,,", "'noon' is no hour"),
        ("a@example.org,,,hourly,,", "no cadence"),
        ("a@example.org,,,weekly,someday,", "no weekday"),
        ("a@example.org,,,,,Empty:", "has no keywords"),
        ("a@example.org,,,,,x: y,more", "more cells"),
        ('a@example.org,"UTC" now,,,,', "quotation"),
    ],
)
def test_a_bad_line_is_told_and_the_rest_is_read(cells: str, reason: str) -> None:
    """With its number and one sentence."""
    data = f"email,zone,hour,cadence,weekday,interests\n{cells}\nbo@example.org,,,,,\n"
    table = read_table(data.encode(), USUAL)
    assert [one.email for one in table.people] == ["bo@example.org"]
    ((line, told),) = [(one.line, one.reason) for one in table.bad]
    assert line == 2
    assert reason in told


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "names no column"),
        (b"name,phone\nAda,1\n", "names no column"),
        (b"email,hour,hour\n", "two columns"),
        (b"email\nzo\xeb@example.org\n", "UTF-8 .see line 2."),
        (b"email\n" + b"x" * MAX_BYTES, "larger than 10 MB"),
        (b"x" * 200_000, "no column"),
        (b'email,"' + b"x" * 200_000, "no column"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(data: bytes, reason: str) -> None:
    """With one sentence that says what to do."""
    with pytest.raises(UsageError, match=reason):
        read_table(data, USUAL)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_on_any_system(end: str) -> None:
    """Excel's “CSV (Macintosh)” has the third."""
    table = read_table(end.join(("sep=,", "email,hour", "ada@example.org,8", "bo", "")).encode(), USUAL)
    assert [(one.line, one.email, one.wishes.hour) for one in table.people] == [(3, "ada@example.org", 8)]
    assert [one.line for one in table.bad] == [4]
    with pytest.raises(UsageError, match="see line 2"):
        read_table(f"email{end}z\xeb".encode("latin-1"), USUAL)


def test_a_long_table_tells_how_far_it_is_read_and_seeks_a_near_zone_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sought: list[str] = []
    monkeypatch.setattr(
        schedule.difflib, "get_close_matches", lambda word, *_, **__: sought.append(word) or []
    )
    told: list[str] = []
    lines = "".join(f"ada-{number}@example.org,Mars/Base\n" for number in range(2500))
    table = read_table(f"email,zone\n{lines}".encode(), USUAL, progress=told.append)
    assert len(table.bad) == 2500
    assert len(sought) <= 1
    assert told == ["reading line 1,001", "reading line 2,001"]


@given(
    st.sampled_from([b"email", b"email,interests", b'"email"', b"", b"\xff\xfe", b"sep=;"]),
    st.sampled_from([b"\n", b"\r\n", b"\r", b""]),
    st.binary(max_size=300),
)
def test_any_bytes_are_a_table_or_refused(header: bytes, end: bytes, data: bytes) -> None:
    """Also behind a header that is right."""
    try:
        table = read_table(header + end + data, USUAL)
    except UsageError:
        return
    assert isinstance(table, Table)


# --- what becomes of it ----------------------------------------------------------------------------


def test_twice_changes_nothing(app: App) -> None:
    """With a group, with and without invitations, and a day later."""
    add_group(app.database, "Seminar", Schedule(), list_address=None, now=NOW)
    table = "email,interests\nada@example.org,Graphs: graph\nbo@example.org,\n"
    for order in ({"group": "Seminar"}, {"group": "Seminar", "invite": True}):
        people = table if "invite" not in order else table.replace("@", "-2@")
        first = imported(app, people, **order)
        assert first.counts["added"] + first.counts["invited"] == 2
        before = rows(app)
        again = imported(app, people, now=NOW + timedelta(days=1), **order)
        assert counts(again) == {"there": 2}
        assert rows(app) == before
    assert len(show_group(app.database, "Seminar")["members"]) == 4


def test_a_dry_run_says_the_same_and_stores_nothing(app: App) -> None:
    """Down to the reasons."""
    imported(app, "email\nada@example.org\n")
    table = "email,hour\nada@example.org,\nbo@example.org,\ncy@example.org,99\nBO@example.org,\n"
    before = rows(app)
    told = imported(app, table, dry_run=True).as_dict()
    assert rows(app) == before
    assert told == imported(app, table).as_dict()
    assert (told["added"], told["there"], told["bad"], told["repeated"]) == (1, 1, 1, 1)
    assert [(one["line"], one["outcome"]) for one in told["lines"]] == [(4, "bad"), (5, "repeated")]


def test_nobody_is_revived(app: App) -> None:
    """Who left, who is suppressed and who was asked and did not answer stay so; each is told."""
    imported(app, "email\nleft@example.org\nactive@example.org\n")
    leave_by_link(app.database, reader(app, "left@example.org").id or 0, NOW)
    add_suppression(app.database, "never@example.org", detail="wrote a letter", now=NOW)
    imported(app, "email\nasked@example.org\n", invite=True)
    add_group(app.database, "Seminar", Schedule(), list_address="list@example.org", now=NOW)
    before = rows(app)
    people = ("left", "never", "asked", "list", "active")
    for invite in (False, True):
        report = imported(app, "email\n" + "".join(f"{one}@example.org\n" for one in people), invite=invite)
        refused = {one["email"].partition("@")[0]: one["reason"] for one in report.told}
        assert set(refused) == set(people[:-1]) - ({"asked"} if invite else set())
        assert "its owner left" in refused["left"]
        assert "the operator suppressed it" in refused["never"]
        assert "list address of a group" in refused["list"]
    assert rows(app) == before


def test_a_reader_keeps_what_they_have_and_joins(app: App) -> None:
    """The table does not write over it."""
    imported(app, "email,hour,interests\nada@example.org,6,Graphs: graph\n")
    add_group(app.database, "Seminar", Schedule(), list_address=None, now=NOW)
    report = imported(app, "email,hour,interests\nADA@example.org,9,Clouds: cloud\n", group="Seminar")
    assert counts(report) == {"joined": 1}
    with app.database.read() as session:
        wishes = load_wishes(session, reader(app, "ada@example.org").id or 0)
    assert (wishes.hour, [one.name for one in wishes.interests]) == (6, ["Graphs"])


def test_an_unknown_group_and_an_installation_without_web_are_refused(app: App, tmp_path: Path) -> None:
    """Before anything is done."""
    with pytest.raises(UsageError, match="no group 'Seminar'"):
        imported(app, "email\nada@example.org\n", group="Seminar")
    webless = make_app(DemoSettings(data_dir=tmp_path / "other"), now=NOW)
    with pytest.raises(UsageError, match="base_url"):
        imported(webless, "email\nada@example.org\n", invite=True)
    assert not any(rows(app).values())
    webless.database.close()


def test_thousands_of_lines_need_few_statements(app: App) -> None:
    """So that they take seconds: 2,000 readers in far fewer statements than there are lines."""
    from sqlalchemy import event

    seen: list[str] = []
    event.listen(app.database._engine, "before_cursor_execute", lambda *given: seen.append(given[2]))
    table = "email,interests\n" + "".join(f"r{n}@example.org,Topic: word{n}\n" for n in range(2000))
    assert counts(imported(app, table, word="asked each of them")) == {"added": 2000}
    assert len(seen) < 100
    with app.database.read() as session:
        assert len(session.exec(select(Consent.id)).all()) == 2000


# --- invitations -----------------------------------------------------------------------------------


def mails(app: App, now: datetime = NOW) -> list[str]:
    """The raw mails in the outbox, after all that waits was sent."""
    run_deliver(app, Moment(now, pinned=True))
    folder = app.data_dir / "outbox" / "new"
    return [file.read_text() for file in sorted(folder.iterdir())] if folder.exists() else []


def token_in(mail: str) -> str:
    found = re.search(r"/confirm/([0-9a-f=\r\n]+)", mail)
    assert found is not None
    return re.sub(r"[^0-9a-f]", "", found[1])[:64]


def test_who_is_invited_gets_one_mail_and_nothing_else_before_the_click(app: App) -> None:
    """The click makes them a reader with what the table says, and is written down."""
    add_group(app.database, "Seminar", Schedule(), list_address=None, now=NOW)
    table = "email,hour,interests\nada@example.org,6,Graphs: graph\n"
    assert counts(imported(app, table, invite=True, group="Seminar")) == {"invited": 1}
    invited = reader(app, "ada@example.org")
    assert (invited.status, invited.confirmed_at) == ("unconfirmed", None)
    (mail,) = mails(app)
    assert "invitation" in mail
    with app.database.read() as session:
        assert show_consents(session, invited.id or 0) == []
    said = signing_up.confirm(app, token_in(mail), NOW, network="192.0.2.0/24")
    assert said is not None
    assert said.id == invited.id
    assert reader(app, "ada@example.org").status == "active"
    with app.database.read() as session:
        (consent,) = show_consents(session, invited.id or 0)
        assert load_wishes(session, invited.id or 0).hour == 6
    assert (consent["way"], consent["origin"], consent["wording"]) == (
        "invite",
        "192.0.2.0/24",
        f"{WORDING} en",
    )
    assert consent["word"] == "invited from readers.csv"
    assert [one["email"] for one in show_group(app.database, "Seminar")["members"]] == ["ada@example.org"]


def test_everybody_is_asked_in_the_language_that_the_table_names(app: App) -> None:
    """Else in that of the installation."""
    assert counts(imported(app, "email,language\nada@example.org,de\nbo@example.org,\n", invite=True)) == {
        "invited": 2
    }
    told = {
        mail["To"]: mail["Subject"]
        for mail in (message_from_string(raw, policy=default) for raw in mails(app))
    }
    assert "Einladung" in told["ada@example.org"]
    assert "nvitation" in told["bo@example.org"]


def test_a_rotation_between_planning_and_sending_breaks_no_link(app: App) -> None:
    """Neither of an invitation nor of one that a stranger asked for."""
    imported(app, "email\nada@example.org\n", invite=True)
    signing_up.ask(app, "bo@example.org", Wishes(), network="n", now=NOW)
    app.rotate_key(days=0)
    both = mails(app)
    assert len(both) == 2
    assert all(signing_up.confirm(app, token_in(mail), NOW) is not None for mail in both)


def test_a_stranger_does_not_change_what_somebody_was_invited_to(app: App) -> None:
    """Asking for the same address on the same day."""
    imported(app, "email,hour\nada@example.org,6\n", invite=True)
    signing_up.ask(app, "ada@example.org", Wishes(hour=23), network="n", now=NOW)
    (mail,) = mails(app)
    said = signing_up.confirm(app, token_in(mail), NOW)
    assert said is not None
    with app.database.read() as session:
        assert load_wishes(session, said.id or 0).hour == 6


def test_an_invitation_takes_the_place_of_what_a_stranger_asked_for_that_day(app: App) -> None:
    """One mail, with what the table says; a link that went out before confirms nothing any more."""
    later = NOW + timedelta(hours=1)
    for is_sent in (False, True):
        email = f"ada-{is_sent}@example.org"
        signing_up.ask(app, email, Wishes(hour=23, max_papers=50), network="n", now=NOW)
        before = mails(app) if is_sent else []
        assert counts(imported(app, f"email,hour\n{email},6\n", now=later, invite=True)) == {"invited": 1}
        (mail,) = [one for one in mails(app, later) if email in one and one not in before]
        assert "invitation" in mail
        assert [signing_up.confirm(app, token_in(one), later) for one in before if email in one] == (
            [None] if is_sent else []
        )
        assert signing_up.confirm(app, token_in(mail), later) is not None
        with app.database.read() as session:
            number = reader(app, email).id or 0
            assert load_wishes(session, number).hour == 6
            assert [one["way"] for one in show_consents(session, number)] == ["invite"]


def test_a_letter_that_was_never_to_leave_is_in_no_invitations_way(tmp_path: Path) -> None:
    """Where sign-ups are closed, and somebody asked for the address on that day."""
    closed = DemoSettings(
        data_dir=tmp_path / "data", base_url="https://digest.example.org", sign_ups="closed"
    )
    app = make_app(closed, now=NOW)
    signing_up.ask_for_link(app, "ada@example.org", network="n", now=NOW)
    assert counts(imported(app, "email\nada@example.org\n", invite=True)) == {"invited": 1}
    (mail,) = mails(app)
    assert signing_up.confirm(app, token_in(mail), NOW) is not None
    app.database.close()


def test_who_was_invited_and_never_mailed_is_invited_again(app: App) -> None:
    """Once the letter was given up, and not as long as it waits; the link lives long enough either way."""
    table = "email\nada@example.org\n"
    imported(app, table, invite=True)
    assert counts(imported(app, table, invite=True)) == {"there": 1}
    later = NOW + timedelta(days=15)
    assert mails(app, later) == []
    assert counts(imported(app, table, now=later, invite=True, dry_run=True)) == {"invited": 1}
    assert counts(imported(app, table.upper(), now=later, invite=True)) == {"invited": 1}
    much_later = later + timedelta(days=13, hours=23)
    (mail,) = mails(app, much_later)
    assert counts(imported(app, table, now=much_later, invite=True)) == {"there": 1}
    said = signing_up.confirm(app, token_in(mail), much_later + timedelta(days=14))
    assert said is not None
    assert said.status == "active"


def test_an_invitation_that_was_held_back_can_be_planned_anew_on_the_same_day(app: App) -> None:
    """As when the address was suppressed by mistake."""
    table = "email,hour\nada@example.org,6\n"
    imported(app, table, invite=True)
    add_suppression(app.database, "ada@example.org", detail="a mistake", now=NOW)
    assert mails(app) == []
    remove_suppression(app.database, "ada@example.org")
    assert counts(imported(app, table.replace("6", "9"), invite=True)) == {"invited": 1}
    (mail,) = mails(app)
    said = signing_up.confirm(app, token_in(mail), NOW)
    with app.database.read() as session:
        assert said is not None
        assert load_wishes(session, said.id or 0).hour == 9


def test_an_address_that_only_folds_alike_is_another_persons(app: App) -> None:
    """It is refused, and neither joins nor is invited; upper and lower case make no difference."""
    add_group(app.database, "Seminar", Schedule(), list_address=None, now=NOW)
    imported(app, "email\nstrasse@example.org\n")
    before = rows(app)
    for order in ({"group": "Seminar"}, {"invite": True}, {}):
        report = imported(app, "email\nstraße@example.org\n", **order)
        assert counts(report) == {"refused": 1}
        assert "strasse@example.org" in report.told[0]["reason"]
    assert rows(app) == before
    assert counts(imported(app, "email\nSTRASSE@example.org\n", group="Seminar")) == {"joined": 1}


def test_no_limit_of_strangers_holds(app: App) -> None:
    """More invitations than strangers may ask for in an hour."""
    table = "email\n" + "".join(f"r{n}@example.org\n" for n in range(600))
    assert counts(imported(app, table, invite=True)) == {"invited": 600}
    with app.database.read() as session:
        assert session.execute(text("SELECT count(*) FROM deliveries")).scalar() == 600


def test_an_operator_may_vouch_later(app: App) -> None:
    """For who was invited and did not answer."""
    imported(app, "email\nada@example.org\n", invite=True)
    activate_subscriber(app.database, "ada@example.org", now=NOW)
    with app.database.read() as session:
        (consent,) = show_consents(session, reader(app, "ada@example.org").id or 0)
    assert (consent["way"], consent["wording"]) == ("command", "")


# --- the command -----------------------------------------------------------------------------------


def test_the_command_ends_with_1_where_a_line_was_bad_and_0_where_none_was() -> None:
    """The others are done; what is told goes to stderr."""
    configure("http://127.0.0.1:9")
    Path("readers.csv").write_text("email,hour,phone\nada@example.org,6,1\nbo@example.org,26,2\n")
    ran = run("subscriber", "import", "readers.csv", "--consent", "asked at the seminar")
    assert (ran.code, ran.out) == (1, "readers.csv: 1 bad, 1 added\n")
    assert "line 3 (bo@example.org): 26 is no hour" in ran.err
    assert "ignored columns: phone" in ran.err
    shown = run("subscriber", "show", "ada@example.org")
    assert "the operator vouched for it in an import, from readers.csv: “asked at the seminar”" in shown.out
    Path("readers.csv").write_text("email\nada@example.org\n")
    again = run("subscriber", "import", "readers.csv", "--json")
    assert (again.code, again.json["there"], again.json["lines"]) == (0, 1, [])
    assert run("subscriber", "import", "missing.csv").code == 2
    assert run("subscriber", "import", "readers.csv", "--invite").code == 2
