"""Readers as a person names them: addresses, and example papers that come to be known later."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import UsageError
from digest.mailer import check_address
from digest.message import encode_address, needs_smtputf8
from digest.pipeline.examples import resolve_examples
from digest.pipeline.readers import (
    InterestWords,
    Schedule,
    add_interest,
    add_subscriber,
    check_email,
    get_subscriber,
)
from digest.storage.database import Database
from digest.storage.subscribers import list_interests
from tests.cli_runner import ok, run
from tests.daily_server import DailyServer, item, serving
from tests.storage_rows import add_papers, make_entry
from tests.test_main_job import configure

NOW = datetime(2026, 8, 3, 6, 30, tzinfo=UTC)
READER = "ada@example.org"


@pytest.fixture
def database() -> Iterator[Database]:
    """One reader, no papers."""
    with closing(Database(f"sqlite:///{Path.cwd() / 'digest.db'}")) as opened:
        opened.upgrade()
        add_subscriber(opened, READER, Schedule(), active=True, now=NOW)
        yield opened


def matched(database: Database, name: str) -> list[int | None]:
    """The papers that the examples of an interest stand for."""
    with database.read() as session:
        subscriber = get_subscriber(session, READER)
        assert subscriber.id is not None
        rows = {row.name: row for row in list_interests(session, subscriber.id)}
        return [example["paper_id"] for example in rows[name].examples]


def add_twins(database: Database) -> list[int]:
    """Two papers of one title."""
    with database.write() as session:
        return add_papers(session, [make_entry(1, title="Twins"), make_entry(2, title="Twins")])


def test_an_ambiguous_example_harms_nobody_else(database: Database) -> None:
    """A title that two papers came to have stays unmatched; the other examples find theirs."""
    words = InterestWords(examples=("Twins", "2608.00007"))
    add_interest(database, READER, "both", words, now=NOW)
    add_twins(database)
    with database.write() as session:
        (seventh,) = add_papers(session, [make_entry(7)])
    assert resolve_examples(database) == 1
    assert matched(database, "both") == [None, seventh]
    assert resolve_examples(database) == 0


def test_an_ambiguous_example_is_refused_with_the_choice(database: Database) -> None:
    """Whoever types it can say which is meant."""
    first, second = add_twins(database)
    with pytest.raises(UsageError, match=f"#{first}, #{second}"):
        add_interest(database, READER, "both", InterestWords(examples=("Twins",)), now=NOW)


def test_unwanted_words_alone_can_be_added_to_an_interest_but_make_none(database: Database) -> None:
    unwanted = InterestWords(not_keywords=("image",))
    with pytest.raises(UsageError, match="a new interest needs"):
        add_interest(database, READER, "Finding", unwanted, now=NOW)
    add_interest(database, READER, "Finding", InterestWords(keywords=("search",)), now=NOW)
    row, _ = add_interest(database, READER, "Finding", unwanted, now=NOW)
    assert (row.keywords, row.not_keywords) == (["search"], ["image"])


def test_a_refresh_goes_on_whatever_examples_say() -> None:
    """The whole run: two papers of one title on the page, one reader who named that title."""
    twins = [item(1, title="Twins"), item(2, title="Twins", abstract="Another work.")]
    with serving(DailyServer({"2026-01-12": twins})) as site:
        configure(site.url)
        ok("subscriber", "add", READER, "--active")
        ok("interest", "add", READER, "--name", "twins", "--example", "Twins")
        ok("refresh", "--date", "2026-01-12")
        ok("refresh", "--date", "2026-01-12")
    assert run("interest", "add", READER, "--name", "twins", "--example", "Twins").code == 2


def test_an_import_matches_examples_too() -> None:
    """An example by id is known as soon as its paper is stored, however it came."""
    configure("http://127.0.0.1:9")
    ok("subscriber", "add", READER, "--active")
    ok("interest", "add", READER, "--name", "liked", "--example", "2601.90001")
    Path("page.json").write_text(json.dumps([item(1, title="The paper that was meant")]))
    assert ok("import", "page.json", "--json").json["new"] == 1
    (interest,) = ok("interest", "list", READER, "--json").json
    assert interest["examples"] == ["The paper that was meant"]


@pytest.mark.parametrize(
    "address",
    [
        f"{'a' * 65}@example.org",
        f"{'a' * 70}@example.org",
        f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 20}.org",
        "a..b@example.org",
        "me@my_host",
        '"a b"@example.org',
        "me@[127.0.0.1]",
        "\udcff@example.org",
        "me@example.org\n",
        "@example.org",
        "me",
        "",
    ],
)
def test_what_cannot_be_mailed_is_not_added(address: str) -> None:
    """One sentence now instead of a mail that is refused every day."""
    with pytest.raises(UsageError):
        check_email(address)


ATEXT = "abzAZ019!#$%&'*+/=?^_`{|}~.-é \"\\@"


@given(
    st.text(ATEXT, min_size=1, max_size=70),
    st.one_of(st.from_regex(r"\A[a-zü0-9_-]{1,64}(\.[a-zü0-9-]{1,64}){0,4}\Z"), st.just("bücher.example")),
)
def test_what_is_added_can_be_mailed(local: str, domain: str) -> None:
    """Message and mailer take every address that is taken here, and change nothing about it."""
    try:
        address = check_email(f"{local}@{domain}")
    except UsageError:
        return
    assert encode_address(address, allow_utf8=needs_smtputf8(address)) == address
    assert check_address(address) == address


@pytest.mark.parametrize("spelt", ["me@bücher.example", "ME@BÜCHER.EXAMPLE", "me@xn--bcher-kva.example"])
def test_a_reader_is_found_however_the_address_is_spelt(spelt: str, database: Database) -> None:
    """What is stored is the address in ASCII."""
    add_subscriber(database, "me@Bücher.example", Schedule(), active=True, now=NOW)
    with database.read() as session:
        assert get_subscriber(session, spelt).email == "me@xn--bcher-kva.example"
    with pytest.raises(UsageError, match="already"):
        add_subscriber(database, spelt, Schedule(), active=True, now=NOW)


def test_who_is_not_there_is_told_as_typed(database: Database) -> None:
    """Whether or not it is an address."""
    with database.read() as session:
        for typed in ("nobody@example.org", "no address"):
            with pytest.raises(UsageError, match=typed):
                get_subscriber(session, typed)


def test_a_schedule_is_changed_in_what_is_given_and_checked_whole() -> None:
    """The rest stays; a wrong word changes nothing."""
    Path("digest.toml").write_text(f'data_dir = "{Path.cwd() / "data"}"\n')
    ok("subscriber", "add", READER, "--hour", "6", "--zone", "Europe/Oslo", "--active")
    ok("subscriber", "change", READER, "--cadence", "weekly", "--weekday", "fri")
    assert run("subscriber", "change", READER, "--hour", "25").code == 2
    assert run("subscriber", "change", READER, "--zone", "Mars/Olympus").code == 2
    (row,) = ok("subscriber", "show", READER, "--json").json["subscriptions"]
    found = (row["cadence"], row["weekday"], row["hour"], row["zone"])
    assert found == ("weekly", "fri", 6, "Europe/Oslo")


def test_the_operator_may_say_which_language_a_reader_is_told_in() -> None:
    """And take it back; one that we do not speak is refused in words."""
    Path("digest.toml").write_text(f'data_dir = "{Path.cwd() / "data"}"\n')
    ok("subscriber", "add", READER, "--language", "de", "--active")
    assert "in Deutsch" in ok("subscriber", "show", READER).out
    assert "in Deutsch" in ok("subscriber", "change", READER, "--hour", "6").out
    told = run("subscriber", "change", READER, "--language", "tlh")
    assert (told.code, "'tlh' is no language that is spoken here; use one of en, de" in told.err) == (2, True)
    assert "Deutsch" not in ok("subscriber", "change", READER, "--language", "default").out


def test_a_language_that_is_known_no_more_keeps_nothing_from_being_changed() -> None:
    """As after going back to an older version; it stays the reader's choice."""
    Path("digest.toml").write_text(f'data_dir = "{Path.cwd() / "data"}"\n')
    ok("subscriber", "add", READER, "--active")
    with closing(sqlite3.connect("data/digest.db")) as connection:
        connection.execute("UPDATE subscriptions SET language = 'tlh'")
        connection.commit()
    ok("subscriber", "change", READER, "--hour", "6")
    (row,) = ok("subscriber", "show", READER, "--json").json["subscriptions"]
    assert (row["hour"], row["language"]) == (6, "tlh")
