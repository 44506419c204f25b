"""The headers of the finished mail, held against its raw bytes, whatever an issue is called."""

import email
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy, default
from email.utils import getaddresses
from pathlib import Path
from typing import cast

import pytest

from digest.errors import DeliveryError
from digest.message import clean_header, make_message_id, needs_smtputf8
from digest.models import Letter
from digest.pipeline.assemble import Addressee, Assembler, Envelope
from digest.tokens import address_tag, read_reader_reference, read_tag
from digest.types import IssueView
from tests.issue_samples import COMPOSED_AT, issue, item, paper

KEY = b"an invented key of 32 bytes long"
BY_MAIL = Envelope(
    sender="digest@example.org",
    list_name="Paper digest",
    unsubscribe_address="leave@example.org",
    bounce_address="bounces@example.org",
    base_url=None,
    secret=KEY,
)
BY_WEB = replace(BY_MAIL, base_url="https://digest.example.org")
READER = Addressee(40123, 7)
MESSAGE_ID = make_message_id("subscription 3 on 2031-03-17", "example.org")
SUBJECTS = {
    "right to left": "شبكات عصبية: فهرسة جديدة للبحث — שיטה חדשה לאחזור",
    "turned round": "\u202egnp.exe\u202c \u2067x\u2069",
    "emoji": "👩‍🔬🏳️‍🌈 duck 🦆 study " * 12,
    "CJK": "在不重建索引的情况下保持稠密检索的新鲜度" * 8,
    "500 letters": "a" * 500,
    "500 characters": "é" * 500,
    "500 in words": "word " * 100,
    "an encoded-word": "=?utf-8?q?Bcc:_x?= and =?utf-8?B?eA==?=",
    "line ends": "a\r\nBcc: evil@example.org\r\n\r\nb\u2028c\x85d\x0be\x1cf",
    "surrogates": "\ud800 alone \udfff",
    "empty": "",
}


def made(envelope: Envelope = BY_WEB, shown: IssueView | None = None, to: str = "ada@example.net") -> bytes:
    """One mail as it leaves."""
    return Assembler(envelope).message(shown or issue(), READER, to, MESSAGE_ID)


def titled(text: str) -> IssueView:
    """An issue that is called so, with a paper that is."""
    return issue([item(paper(1, title=text), shown_id=1), item(paper(2), shown_id=2)], subject=text)


def block(raw: bytes) -> bytes:
    return raw.partition(b"\r\n\r\n")[0]


def header(raw: bytes, name: str) -> bytes:
    """One header as it stands on the wire, folds included; it is there once."""
    found = re.findall(rb"\r\n" + name.encode() + rb": ?((?:[^\r\n]|\r\n[ \t])*)", b"\r\n" + block(raw))
    assert len(found) == 1, name
    return cast(bytes, found[0])


def names(raw: bytes) -> list[str]:
    return [line.partition(b":")[0].decode() for line in block(raw).split(b"\r\n") if line[:1] != b" "]


def read(raw: bytes, policy: EmailPolicy = default) -> EmailMessage:
    """As Python's own parser reads it, without any complaint."""
    parsed = cast(EmailMessage, email.message_from_bytes(raw, policy=policy))
    assert not [part for part in parsed.walk() if part.defects]
    assert not [value for value in parsed.values() if value.defects]
    return parsed


def check(raw: bytes) -> None:
    """What holds for every mail."""
    assert raw.isascii()
    assert b"\x00" not in raw
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw)
    lines = raw.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not [line for line in lines if line.startswith((b".", b"From "))]
    body = raw.partition(b"\r\n\r\n")[2].split(b"\r\n")
    assert max(len(line) for line in body if not line.startswith(b"Content-")) <= 76
    for line in block(raw).split(b"\r\n"):
        assert line.strip(), "a blank line would end the headers"
        words = re.findall(rb"=\?utf-8\?[QB]\?[^?\s]*\?=", line)
        assert line.count(b"=?utf-8?") == len(words), "a fold inside an encoded-word"
        assert max(map(len, words), default=0) <= 75


class TestEverySubject:
    def hold(self, text: str) -> None:
        raw = made(shown=titled(text))
        check(raw)
        assert names(raw) == names(made())
        parsed = read(raw)
        assert parsed["Subject"] == (clean_header(text) or "Paper digest")
        for name in ("List-Id", "List-Unsubscribe", "List-Help", "Feedback-ID", "Message-ID"):
            assert header(raw, name) == header(made(), name)

    @pytest.mark.parametrize("name", SUBJECTS)
    def test_it_is_read_back_and_changes_no_other_header(self, name: str) -> None:
        self.hold(SUBJECTS[name])

    def test_no_line_of_a_body_looks_like_the_end_of_the_mail(self) -> None:
        for text in ("." * 80, ". . . " * 40, "From me " * 40, "x" * 75 + "." * 9):
            check(made(shown=titled(text)))

    def test_naughty_strings_too(self, shared: Path) -> None:
        for text in json.loads((shared / "corpora/blns.json").read_text()):
            self.hold(text)


class TestLeaving:
    @pytest.mark.parametrize("policy", [default, SMTP], ids=["default", "SMTP"])
    @pytest.mark.parametrize("envelope", [BY_MAIL, BY_WEB], ids=["mail", "web"])
    def test_the_addresses_are_read_back_unharmed(self, envelope: Envelope, policy: EmailPolicy) -> None:
        """Python's own policies write long ones as encoded-words, which nothing may read."""
        raw = made(envelope)
        ctx = Assembler(envelope).context(issue(), READER)
        ways = [way for way in (ctx.unsubscribe_url, ctx.unsubscribe_mailto) if way]
        assert re.findall(r"<([^>]*)>", str(read(raw, policy)["List-Unsubscribe"])) == ways
        assert b"=?" not in header(raw, "List-Unsubscribe")

    def test_it_is_folded_between_addresses_only(self) -> None:
        far = replace(BY_WEB, base_url="https://digest.example.org/" + "x" * 300)
        lines = header(made(far), "List-Unsubscribe").split(b"\r\n ")
        assert len(lines) == 2
        assert all(re.fullmatch(rb"<[^<>\s]+>,?", line) for line in lines)
        assert lines[0].startswith(b"<https://")
        assert lines[1].startswith(b"<mailto:")

    def test_whatever_is_written_to_the_tagged_address_leaves(self) -> None:
        """The reader is in the address, so the subject may be lost."""
        way = header(made(BY_MAIL), "List-Unsubscribe").decode()
        match = re.fullmatch(r"<mailto:([^?]+)\?subject=unsubscribe>", way)
        assert match
        plain, tag = address_tag(match[1])
        assert plain == "leave@example.org"
        assert read_reader_reference(read_tag(KEY, "u", tag or "") or b"") == (40123, 7)

    @pytest.mark.parametrize(
        "envelope",
        [
            replace(BY_MAIL, address_tags=False),
            replace(BY_MAIL, unsubscribe_address="l" * 40 + "@example.org"),
        ],
        ids=["no tags", "too long for one"],
    )
    def test_else_the_reader_is_in_the_subject(self, envelope: Envelope) -> None:
        way = header(made(envelope), "List-Unsubscribe")
        assert re.fullmatch(rb"<mailto:l[^+@]*@example\.org\?subject=unsubscribe%20[a-z2-7-]+>", way)

    @pytest.mark.parametrize(
        ("base", "one_click"), [("https://d.example", True), ("http://d.example", False), (None, False)]
    )
    def test_one_click_over_https_only(self, base: str | None, one_click: bool) -> None:
        raw = made(replace(BY_MAIL, base_url=base))
        assert ("List-Unsubscribe-Post" in names(raw)) is one_click
        assert header(raw, "List-Unsubscribe").startswith(b"<https://" if one_click else b"<mailto:")
        if one_click:
            assert header(raw, "List-Unsubscribe-Post") == b"List-Unsubscribe=One-Click"

    def test_help_is_at_hand(self) -> None:
        assert header(made(BY_MAIL), "List-Help") == b"<mailto:leave@example.org?subject=help>"
        assert header(made(BY_WEB), "List-Help").startswith(b"<https://digest.example.org/p/")


class TestTheRest:
    def test_the_same_on_every_attempt(self) -> None:
        assert made() == made()
        assert header(made(), "Message-ID") == MESSAGE_ID.encode()
        assert header(made(), "Date") == b"Mon, 17 Mar 2031 06:00:00 +0000"

    def test_the_list_is_the_same_for_every_reader_and_issue(self) -> None:
        other = Assembler(BY_WEB).message(titled("x"), Addressee(1, 0), "bo@example.net", MESSAGE_ID)
        assert header(other, "List-Id") == header(made(), "List-Id") == b'"Paper digest" <digest.example.org>'

    def test_answering_machines_are_told(self) -> None:
        assert header(made(), "Auto-Submitted") == b"auto-generated"
        assert header(made(), "Precedence") == b"bulk"

    def test_feedback_is_counted_by_issue_and_never_by_reader(self) -> None:
        """Four fields, the last the sender's (Google: 5 to 15 characters)."""
        fields = header(made(), "Feedback-ID").decode().split(":")
        assert len(fields) == 4
        assert "20310317" in fields
        assert 5 <= len(fields[-1]) <= 15
        another = make_message_id("subscription 4 on 2031-03-17", "example.org")
        other = Assembler(BY_WEB).message(issue(), Addressee(1, 0), "bo@example.net", another)
        assert header(other, "Feedback-ID") == header(made(), "Feedback-ID")

    @pytest.mark.parametrize("envelope", [BY_MAIL, BY_WEB], ids=["mail", "web"])
    def test_the_readers_number_stands_nowhere_in_plain(self, envelope: Envelope) -> None:
        assert b"40123" not in made(envelope)

    def test_the_envelope_says_which_mail_and_cannot_be_forged(self) -> None:
        sender = Assembler(BY_MAIL).envelope_sender(MESSAGE_ID)
        plain, tag = address_tag(sender)
        assert plain == "bounces@example.org"
        assert read_tag(KEY, "b", tag or "") == bytes.fromhex(MESSAGE_ID[1:17])
        assert read_tag(b"another key of 32 bytes, invented", "b", tag or "") is None
        untagged = Assembler(replace(BY_MAIL, address_tags=False))
        assert untagged.envelope_sender(MESSAGE_ID) == "bounces@example.org"


class TestLetters:
    def test_a_letter_belongs_to_no_list(self) -> None:
        """Known fault 30: a way to leave on a mail that asks whether one wants to come."""
        letter = Letter(
            kind="confirmation", recipient="ada@example.net", key="ab" * 32, subject="Please confirm",
            text="Hello.\n", html="<p>Hello.</p>\n", created_at=datetime(2031, 3, 17, tzinfo=UTC),
        )  # fmt: skip
        raw = Assembler(BY_WEB).letter(letter, "ada@example.net", MESSAGE_ID)
        check(raw)
        assert not [name for name in names(raw) if name.startswith("List-")]
        assert "Precedence" not in names(raw)
        assert header(raw, "Auto-Submitted").startswith(b"auto-")
        assert read(raw)["Subject"] == "Please confirm"


class TestOtherAlphabets:
    def test_a_local_part_beyond_ascii_is_the_one_exception(self) -> None:
        """RFC 6532: as UTF-8 in To, for servers that offer SMTPUTF8; the rest stays ASCII."""
        raw = made(to="jörg@bücher.example.net")
        assert needs_smtputf8("jörg@bücher.example.net")
        assert header(raw, "To") == "jörg@xn--bcher-kva.example.net".encode()
        check(raw.replace("jörg".encode(), b"jorg"))

    def test_a_domain_beyond_ascii_needs_nothing(self) -> None:
        assert not needs_smtputf8("ada@bücher.example.net")
        raw = made(to="ada@bücher.example.net")
        check(raw)
        assert getaddresses([str(read(raw)["To"])]) == [("", "ada@xn--bcher-kva.example.net")]

    @pytest.mark.parametrize(
        "local", ["jö rg", "jö\u202erg", "jö\r\nBcc: x", "jö\u2028", "jö\ud800", "ö" * 33, "ö."]
    )
    def test_what_is_no_address_is_refused(self, local: str) -> None:
        with pytest.raises(DeliveryError) as caught:
            made(to=f"{local}@example.net")
        assert not caught.value.transient
        assert not caught.value.fatal


def test_the_date_is_the_issues() -> None:
    assert read(made())["Date"].datetime == COMPOSED_AT
