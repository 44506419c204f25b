"""Why somebody may be written to is on record: when, how, from where, and by which words."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from digest.app import App, make_app
from digest.demo.program import DemoSettings
from digest.errors import UsageError
from digest.models import Consent, Subscriber
from digest.pipeline import signing_up
from digest.pipeline.consent import WORDING, Way, consent_line, show_consents
from digest.pipeline.leaving import Choice, choose, leave_by_link
from digest.pipeline.letters import make_confirmation_letter, make_invitation_letter
from digest.pipeline.moment import Moment
from digest.pipeline.profile_document import read_profile
from digest.pipeline.readers import Schedule, activate_subscriber, add_subscriber, remove_subscriber
from digest.pipeline.steering import resume
from digest.pipeline.transfer import export_profile
from digest.pipeline.wishes import Wishes, load_wishes
from digest.storage import sign_ups as sign_up_rows
from digest.storage import subscribers as subscriber_rows
from digest.storage.database import Database
from digest.tokens import make_confirmation
from digest.translation import speaking
from digest.types import SubscriberStatus
from tests.cli_runner import ok
from tests.test_main_job import configure
from tests.test_migrations import FOLDER

NOW = datetime(2026, 8, 3, 9, tzinfo=UTC)
ADA = "ada@example.org"
NETWORK = "2001:db8:7::/48"
# Whoever changes these sentences raises WORDING in digest/pipeline/consent.py, and puts the new hash here.
AGREED_TO = ("2", "0c827d86d6a37095")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    made = make_app(DemoSettings(data_dir=tmp_path / "data", base_url="https://digest.example.org"), now=NOW)
    yield made
    made.database.close()


def consents(app: App, email: str = ADA) -> list[dict[str, Any]]:
    with app.database.read() as session:
        found = subscriber_rows.get_subscriber(session, email)
        assert found is not None
        return show_consents(session, found.id or 0)


def sign_up(app: App, now: datetime = NOW) -> Subscriber:
    """By the web: asked, and confirmed from a network."""
    signing_up.ask(app, ADA, Wishes(), network="192.0.2.0/24", now=now)
    return confirmed(app, ADA, now)


def confirmed(app: App, email: str, now: datetime) -> Subscriber:
    """The owner of the address followed the link of that day, twice."""
    with app.database.read() as session:
        row = sign_up_rows.get_of_day(session, email, now.date())
    assert row is not None
    token = make_confirmation(app.secret_key(), bytes.fromhex(row.nonce))
    reader = signing_up.confirm(app, token, now, network=NETWORK)
    assert reader is not None
    assert signing_up.confirm(app, token, now, network="elsewhere") is not None
    return reader


def test_who_confirms_on_the_web_is_recorded_once(app: App) -> None:
    """From where the link was followed, with the words that were agreed to; said again it is no news."""
    sign_up(app)
    assert consents(app) == [
        {"at": NOW.isoformat(), "way": "web", "origin": NETWORK, "word": "", "wording": f"{WORDING} en"}
    ]


def test_the_record_says_in_which_language_and_whose_words(tmp_path: Path) -> None:
    """An operator's own page is named by what it holds, as it stood then."""
    page = tmp_path / "own" / "web" / "confirm.html"
    page.parent.mkdir(parents=True)
    page.write_text("<p>Yes?</p>", encoding="utf-8")
    own = f"own {sha256(page.read_bytes()).hexdigest()[:12]}"
    for folder, template_dir, version in (("a", None, WORDING), ("b", tmp_path / "own", own)):
        settings = DemoSettings(
            data_dir=tmp_path / folder, base_url="https://digest.example.org", template_dir=template_dir
        )
        made = make_app(settings, now=NOW)
        with speaking("de"):
            sign_up(made)
        signing_up.ask(made, "bo@example.org", Wishes(language="en"), network="n", now=NOW)
        with speaking("de"):
            confirmed(made, "bo@example.org", NOW)
            feeds = signing_up.subscribe_by_feed(made, Wishes(), network=NETWORK, now=NOW)
        assert [one["wording"] for one in consents(made)] == [f"{version} de"]
        assert [one["wording"] for one in consents(made, "bo@example.org")] == [f"{version} en"]
        with made.database.read() as session:
            (one,) = show_consents(session, feeds.id or 0)
        assert one["wording"] == f"{WORDING} de"
        made.database.close()


def test_who_asks_for_feeds_alone_is_recorded_too(app: App) -> None:
    """Though nothing is written to them."""
    reader = signing_up.subscribe_by_feed(app, Wishes(), network=NETWORK, now=NOW)
    with app.database.read() as session:
        (one,) = show_consents(session, reader.id or 0)
    assert (one["way"], one["origin"]) == ("feed", NETWORK)


def test_the_operators_word_is_recorded_as_theirs(app: App) -> None:
    """On the command line, and on the pages; a reader who is only paused agreed before."""
    add_subscriber(app.database, ADA, Schedule(), active=True, now=NOW)
    activate_subscriber(app.database, ADA, now=NOW)
    assert [(one["way"], one["wording"]) for one in consents(app)] == [("command", "")]
    add_subscriber(app.database, "bo@example.org", Schedule(), active=False, now=NOW)
    assert consents(app, "bo@example.org") == []
    activate_subscriber(app.database, "bo@example.org", now=NOW, way=Way.OPERATOR)
    assert [one["way"] for one in consents(app, "bo@example.org")] == ["operator"]


def test_taking_leaving_back_is_agreeing_again(app: App) -> None:
    """Each time; what was agreed before stays on record."""
    reader = sign_up(app)
    later = NOW + timedelta(days=9)
    for _ in range(2):
        leave_by_link(app.database, reader.id or 0, later)
        choose(app.database, reader.id or 0, Choice.UNDO, Moment(later))
    assert [one["way"] for one in consents(app)] == ["web", "return", "return"]


def test_nobody_is_served_without_a_record(app: App) -> None:
    """Not even whose invitation came back before they agreed; they cannot serve themselves either."""
    add_subscriber(app.database, ADA, Schedule(), active=False, now=NOW)
    with app.database.write() as session:
        found = subscriber_rows.get_subscriber(session, ADA)
        assert found is not None
        subscriber_rows.set_status(session, found, SubscriberStatus.BOUNCED, now=NOW)
    with pytest.raises(UsageError, match="never confirmed"):
        resume(app.database, found.id or 0, NOW)
    activate_subscriber(app.database, ADA, now=NOW)
    assert [one["way"] for one in consents(app)] == ["command"]


def test_taking_leaving_back_is_no_consent_of_who_never_gave_one(app: App) -> None:
    """They stand as before: asked, and not served."""
    add_subscriber(app.database, ADA, Schedule(), active=False, now=NOW)
    with app.database.read() as session:
        found = subscriber_rows.get_subscriber(session, ADA)
    assert found is not None
    leave_by_link(app.database, found.id or 0, NOW)
    assert choose(app.database, found.id or 0, Choice.UNDO, Moment(NOW)).status == "unconfirmed"
    assert consents(app) == []


def test_their_own_yes_is_recorded_beside_the_operators_word(app: App) -> None:
    """Who was made a reader meanwhile, and follows their link then, keeps what they have."""
    signing_up.ask(app, ADA, Wishes(hour=5), network="192.0.2.0/24", now=NOW)
    add_subscriber(app.database, ADA, Schedule(hour=9), active=True, now=NOW)
    reader = sign_up(app)
    assert [one["way"] for one in consents(app)] == ["command", "web"]
    with app.database.read() as session:
        assert load_wishes(session, reader.id or 0).hour == 9


def test_it_is_in_the_readers_own_export_and_an_import_takes_none(app: App) -> None:
    """What somebody brings along is no proof of anything here."""
    reader = sign_up(app)
    with app.database.read() as session:
        document = export_profile(session, reader)
    assert document["consents"] == consents(app)
    assert document["groups"] == []
    assert read_profile(json.loads(json.dumps(document))).address == ADA
    assert not hasattr(read_profile(document), "consents")


def test_it_goes_with_the_reader(app: App) -> None:
    """Nothing of it is left."""
    sign_up(app)
    remove_subscriber(app.database, ADA, app.feeds_dir)
    with app.database.read() as session:
        assert session.exec(select(Consent)).all() == []


def test_each_way_is_told_in_words() -> None:
    """On one line, with all that is known."""
    told = {"at": NOW.isoformat(), "origin": "192.0.2.0/24", "word": "", "wording": "1"}
    lines = {way: consent_line(told | {"way": way.value}) for way in Way}
    assert len(set(lines.values())) == len(Way)
    assert lines[Way.WEB] == (
        "2026-08-03 09:00 UTC: asked on the web, and followed the link that was mailed, "
        "from 192.0.2.0/24 (wording 1)"
    )


def test_the_command_shows_them() -> None:
    """With the groups a reader belongs to."""
    configure("http://127.0.0.1:9")
    ok("subscriber", "add", ADA, "--active")
    ok("group", "add", "Seminar")
    ok("group", "join", "Seminar", ADA)
    shown = ok("subscriber", "show", ADA)
    assert "belongs to Seminar" in shown.out
    assert "the operator said so on the command line" in shown.out


def test_the_version_is_raised_with_the_words() -> None:
    """Else the record would name words that nobody saw."""
    letters = [
        make("Digest", ADA, "00 key", NOW) for make in (make_confirmation_letter, make_invitation_letter)
    ]
    words = "".join(one.subject + one.text for one in letters)
    assert (WORDING, sha256(words.encode()).hexdigest()[:16]) == AGREED_TO


def test_who_confirmed_before_there_were_records_has_one(tmp_path: Path) -> None:
    """As long as what they followed is still stored: migrating makes it from that."""
    path = tmp_path / "digest.db"
    with closing(sqlite3.connect(path)) as plain:
        plain.executescript((FOLDER / "0006.sql").read_text(encoding="utf-8"))
        plain.execute(
            "INSERT INTO sign_ups VALUES (2, 'Ada@example.org', 'ada@example.org', '2026-08-01', "
            "'confirmation', '01', 'aa', '{}', '2026-08-01 06:00:00', '2026-08-03 06:00:00', "
            "'2026-08-01 06:30:00')"
        )
        plain.commit()
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    with database.read() as session:
        found = {number: show_consents(session, number) for number in (1, 2, 3)}
    database.close()
    assert found == {
        1: [{"at": "2026-08-01T06:30:00+00:00", "way": "web", "origin": "", "word": "", "wording": ""}],
        2: [],
        3: [],
    }
