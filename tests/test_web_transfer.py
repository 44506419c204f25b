"""Taking along, bringing and deleting by the web: whose it is, what is shown first, and what is left."""

import json
import re
import sqlite3
import zlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from starlette.testclient import TestClient

from digest.models import Bounce, Delivery, Letter, SignUp
from digest.storage import subscribers as subscriber_rows
from digest.storage import suppressions as suppression_rows
from digest.types import DeliveryStatus
from tests.test_transfer import profile
from tests.test_web_saved import browser_of, notes, others, save
from tests.web_site import READER, WebSite, demo_folder, site

__all__ = ["demo_folder", "site"]

OWN = ("/export.json", "/export.opml", "/transfer", "/import", "/delete")


def send(client: TestClient, data: bytes, name: str = "file.json", **fields: str) -> Any:
    return client.post("/import", files={"file": (name, data)}, data={"action": "look", **fields})


def say_yes(client: TestClient, page: str) -> Any:
    """Press the button of the page that shows what a file would change."""
    carried = re.findall(r'name="carried" value="([^"]*)"', page)
    fields = {"carried": carried, "action": "do"}
    for field in ("name", "interest"):
        fields[field] = page.partition(f'name="{field}" value="')[2].partition('"')[0]
    return client.post("/import", data=fields, files={"none": ("", b"")})


def document(**given: Any) -> bytes:
    return json.dumps(profile(**given)).encode()


# --- whose it is -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", OWN)
def test_only_a_link_to_the_preferences_is_enough(site: WebSite, path: str) -> None:
    assert site.client.get(path).status_code == 401
    assert browser_of(site, "feedback").get(path).status_code == 401
    assert browser_of(site).get(path).status_code in (200, 303)


@pytest.mark.parametrize("purpose", [None, "feedback"])
def test_nobody_else_imports_or_deletes(site: WebSite, purpose: str | None) -> None:
    client = browser_of(site, purpose) if purpose else site.client
    before = site.rows()
    assert send(client, document(), action="do").status_code == 401
    assert client.post("/delete", data={"sure": "delete everything"}).status_code == 401
    assert site.rows() == before


def test_looking_changes_nothing(site: WebSite) -> None:
    client, before = browser_of(site), site.rows()
    for path in (*OWN, "/deleted", "/deleted?stays=1"):
        client.get(path)
    assert send(client, document()).status_code == 200
    assert site.rows() == before


# --- out -------------------------------------------------------------------------------------------


def test_everything_is_exported_and_nobody_elses(site: WebSite) -> None:
    save(site, n=2, note="mine")
    save(site, n=3, email=others(site), note="theirs")
    answer = browser_of(site).get("/export.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == 'attachment; filename="paper-digest-profile.json"'
    assert answer.headers["cache-control"] == "private, no-store"
    told = answer.json()
    assert told["address"] == READER
    assert [one["note"] for one in told["feedback"]] == ["mine", "mine"]
    assert "theirs" not in answer.text
    assert others(site) not in answer.text
    assert site.subscriber().feed_token not in answer.text


def test_the_feeds_are_exported_as_outlines(site: WebSite) -> None:
    answer = browser_of(site).get("/export.opml")
    assert answer.headers["content-type"] == "text/x-opml; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="paper-digest-feeds.opml"'
    root = ElementTree.fromstring(answer.text)
    assert (root.tag, root.attrib["version"]) == ("opml", "2.0")
    addresses = [one.attrib["xmlUrl"] for one in root.iter("outline") if "xmlUrl" in one.attrib]
    token = site.subscriber().feed_token
    assert addresses == [
        f"https://digest.example.org/feeds/{token}.rss",
        "https://digest.example.org/feeds/trending.rss",
    ]
    for address in addresses:
        path = address.removeprefix("https://digest.example.org")
        assert site.client.get(path).status_code == 200


# --- in --------------------------------------------------------------------------------------------


def test_an_import_shows_what_it_changes_and_then_does_it(site: WebSite) -> None:
    client, before = browser_of(site), site.rows()
    page = send(client, document(address="old@example.org")).text
    for told in ("What this file changes", "“Proteins”", "1 × saved", "count as received", "old@example.org"):
        assert (told in page) == (told != "old@example.org"), told
    assert "Your address stays as it is" in page
    assert site.rows() == before
    done = say_yes(client, page)
    assert done.status_code == 200
    assert "Imported" in done.text
    assert list(notes(site).values()) == ["n"]
    again = send(client, document()).text
    assert "Everything in this file is here already" in again
    assert 'name="carried"' not in again


def test_everything_exported_comes_back(site: WebSite) -> None:
    save(site, n=3, note="kept")
    client = browser_of(site)
    mine = client.get("/export.json").content
    other = browser_of(site, email=others(site))
    page = send(other, mine).text
    say_yes(other, page)
    assert set(notes(site, others(site)).values()) == {"kept"}
    theirs = other.get("/export.json").json()
    assert theirs["wishes"] == {**json.loads(mine)["wishes"]} | {"interests": theirs["wishes"]["interests"]}


def test_a_library_goes_to_a_named_interest(site: WebSite) -> None:
    client = browser_of(site)
    page = send(
        client, b"@book{a, title={A <b>book</b>}}\n@book{b}", "refs.bib", interest="Read <i>me</i>"
    ).text
    assert "“Read me”" in page
    assert "line 2" in page
    say_yes(client, page)
    told = client.get("/export.json").json()["wishes"]["interests"][-1]
    assert (told["name"], [one["title"] for one in told["examples"]]) == ("Read me", ["A book"])


def test_an_opml_file_is_told_what_it_is_good_for(site: WebSite) -> None:
    client = browser_of(site)
    before = site.rows()
    answer = send(client, client.get("/export.opml").content, "feeds.opml", action="do")
    assert answer.status_code == 200
    assert "list of feeds" in answer.text
    assert site.rows() == before


@pytest.mark.parametrize("action", ["look", "do"])
def test_what_cannot_be_imported_is_told_in_words(site: WebSite, action: str) -> None:
    before, client = site.rows(), browser_of(site)
    for data, told in (
        (b"", "Choose a file"),
        (b"{", "No papers were found"),
        (b'{"format": "paper-digest-profile", ', "cut off"),
        (b'{"format": "paper-digest-profile", "x": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"format": "paper-digest-profile", "version": 9}', "another version"),
        (b'{"format": "paper-digest-profile", "version": 1, "wishes": {"hour": 99}}', "no hour"),
        (b"\x00\x01", "No papers were found"),
        (b"<html><script>alert(1)</script>", "No papers were found"),
        (b"x" * (5 * 1024 * 1024 + 1), "larger than 5 MB"),
    ):
        answer = send(client, data, "<script>.json", action=action)
        assert answer.status_code == 400, told
        assert told in answer.text
        assert "<script>." not in answer.text
    assert site.rows() == before


def test_a_form_without_a_file_is_told_so(site: WebSite) -> None:
    client = browser_of(site)
    assert client.post("/import").status_code == 400
    assert client.post("/import", data={"carried": ["x", "y"], "action": "do"}).status_code == 400


def test_what_travels_with_a_form_is_bounded_and_may_be_anything(site: WebSite) -> None:
    before, client = site.rows(), browser_of(site)
    for packed in (
        b64encode(zlib.compress(b" " * (100 * 1024 * 1024))).decode(),
        b64encode(b"no zlib").decode(),
        "ü",
        b64encode(zlib.compress(document())[:-4]).decode(),
    ):
        answer = client.post("/import", data={"carried": packed, "action": "do"})
        assert answer.status_code == 400, packed[:20]
    assert site.rows() == before


def test_the_largest_file_travels_with_the_form(site: WebSite) -> None:
    """Also one that hardly packs."""
    import random

    words = random.Random(1).randbytes(1_600_000).hex()
    papers = [{"title": words[start : start + 1900]} for start in range(0, len(words), 1900)]
    client = browser_of(site)
    data = document(papers=papers, feedback=[{"paper": 0, "kind": "saved"}], received=[])
    assert 3 * 2**20 < len(data) < 5 * 2**20
    page = send(client, data).text
    assert say_yes(client, page).status_code == 200
    assert len(notes(site)) == 1


def test_a_failed_import_leaves_all_as_it_was(site: WebSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wishes are stored first; what comes after must not leave them alone."""
    client = browser_of(site)
    page = send(client, document()).text
    before = site.rows()

    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("digest.pipeline.transfer.add_works", fail)
    quiet = TestClient(
        site.web, base_url="https://digest.example.org", raise_server_exceptions=False, cookies=client.cookies
    )
    quiet.headers["Sec-Fetch-Site"] = "same-origin"
    assert say_yes(quiet, page).status_code == 500
    assert site.rows() == before


def test_names_and_titles_of_a_file_run_nowhere(site: WebSite) -> None:
    evil = '"><img src=x onerror=alert(1)>'
    wishes = {"interests": [{"name": evil, "keywords": [evil]}], "zone": "UTC"}
    papers = [{"title": evil, "arxiv_id": "2401.99999"}]
    client = browser_of(site)
    page = send(
        client, document(wishes=wishes, papers=papers, received=[0], address=evil), f"{evil}.json"
    ).text
    done = say_yes(client, page).text
    for text in (page, done, client.get("/export.opml").text):
        assert "<img" not in text


# --- away ------------------------------------------------------------------------------------------


def crowd(site: WebSite) -> None:
    """What can be stored about an address: letters, sign-ups, bounces, feedback."""
    reader, now = site.subscriber(), site.app.now()
    save(site, n=2, note=f"write to {READER}")
    with site.app.database.write() as session:
        for spelling in (READER, READER.upper()):
            letter = Letter(kind="test", recipient=spelling, key="k", created_at=now, expires_at=now)
            session.add(letter)
            session.flush()
            mail = Delivery(
                letter_id=letter.id,
                channel="mail",
                recipient=spelling,
                message_id=f"<{spelling}>",
                status=DeliveryStatus.BOUNCED,
                planned_at=now,
            )
            session.add(mail)
            session.flush()
            for number, whose in enumerate((reader.id, None)):  # the second was forgiven
                session.add(
                    Bounce(
                        digest=f"{spelling}{number}",
                        delivery_id=mail.id,
                        subscriber_id=whose,
                        kind="hard",
                        diagnostic=f"no such user {READER}",
                        received_at=now,
                    )
                )
        issue_mail = session.exec(_first_delivery()).first()
        session.add(
            Bounce(
                digest="issue",
                delivery_id=issue_mail.id,
                subscriber_id=None,
                kind="soft",
                diagnostic=READER,
                received_at=now,
            )
        )
        session.add(
            SignUp(
                email=READER,
                email_key=READER,
                asked_on=now.date(),
                kind="confirmation",
                nonce="n",
                token_hash="h",
                wishes={},
                asked_at=now,
                expires_at=now + timedelta(days=2),
            )
        )


def _first_delivery() -> Any:
    from sqlmodel import col, select

    return select(Delivery).where(col(Delivery.recipient) == READER, col(Delivery.issue_id).is_not(None))


def holding(site: WebSite, words: str) -> dict[str, int]:
    """Every table of the database, the index for searching too, with rows that hold the words anywhere."""
    found: dict[str, int] = {}
    with sqlite3.connect(site.app.data_dir / "digest.db") as connection:
        names = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
        for (name,) in names:
            rows = connection.execute(f'select * from "{name}"').fetchall()
            n = sum(words.casefold() in str(row).casefold() for row in rows)
            if n:
                found[name] = n
    connection.close()
    return found


def test_deleting_leaves_nothing_that_holds_the_address(site: WebSite) -> None:
    crowd(site)
    reader, token = site.subscriber(), site.subscriber().feed_token
    feeds = list(site.app.feeds_dir.glob(f"{token}.*"))
    assert feeds
    assert {"letters", "sign_ups", "bounces", "deliveries", "subscribers"} <= holding(site, READER).keys()
    client = browser_of(site)
    answer = client.post("/delete", data={"sure": "delete everything"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/deleted")
    assert holding(site, READER) == {}
    assert holding(site, token) == {}
    assert not any(path.exists() for path in feeds)
    for table, column in (("interests", 1), ("feedback", 1), ("subscriptions", 1)):
        with sqlite3.connect(site.app.data_dir / "digest.db") as connection:
            rows = connection.execute(f"select * from {table}").fetchall()
        connection.close()
        assert all(row[column] != reader.id for row in rows), table
    assert "Everything about you is deleted" in client.get("/deleted").text


def test_others_keep_all_that_is_theirs(site: WebSite) -> None:
    crowd(site)
    other = others(site)
    save(site, n=2, email=other, note="theirs")
    before = holding(site, other)
    browser_of(site).post("/delete", data={"sure": "delete everything"})
    assert holding(site, other) == before
    assert set(notes(site, other).values()) == {"theirs"}


def test_the_session_ends_and_old_links_lead_nowhere(site: WebSite) -> None:
    client, second = browser_of(site), browser_of(site)
    token = site.token("preferences")
    answer = client.post("/delete", data={"sure": "delete everything"})
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    assert client.get("/saved").status_code == 401
    assert second.get("/saved").status_code == 401
    assert site.browser().get(f"/p/{token}").status_code == 401
    assert client.post("/delete", data={"sure": "delete everything"}).status_code == 401


@pytest.mark.parametrize("sure", ["", "yes", "delete", "on"])
def test_nothing_is_deleted_by_a_slip(site: WebSite, sure: str) -> None:
    before = site.rows()
    answer = browser_of(site).post("/delete", data={"sure": sure})
    assert answer.status_code == 400
    assert "Tick the box" in answer.text
    assert site.rows() == before


def test_a_suppression_stays_and_the_page_says_so(site: WebSite) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with site.app.database.write() as session:
        suppression_rows.add_suppression(session, READER, "complained", detail="", now=now)
    client = browser_of(site)
    assert "One thing stays" in client.get("/delete").text
    answer = client.post("/delete", data={"sure": "delete everything"})
    assert answer.headers["location"] == "/deleted?stays=1"
    assert holding(site, READER) == {"suppressions": 1}
    assert "Only this is kept" in client.get("/deleted?stays=1").text
    with site.app.database.read() as session:
        assert subscriber_rows.get_subscriber(session, READER) is None


def test_a_reader_by_feed_only_can_be_deleted(site: WebSite) -> None:
    with site.app.database.write() as session:
        reader = subscriber_rows.get_subscriber(session, READER)
        reader.email = reader.email_key = None
        session.add(reader)
        number, version = reader.id, reader.token_version
    from digest.tokens import make_token

    client = site.browser()
    client.get(f"/p/{make_token(site.web.site.secret, 'preferences', str(number), version)}")
    assert client.get("/delete").status_code == 200
    assert client.post("/delete", data={"sure": "delete everything"}).headers["location"] == "/deleted"
    with site.app.database.read() as session:
        assert subscriber_rows.get_by_id(session, number) is None
