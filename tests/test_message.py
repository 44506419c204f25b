"""A mail's bytes: every rule is held against the raw message, and reading it back gives what went in."""

import email
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest import message
from digest.errors import DeliveryError
from digest.message import (
    MessageParts,
    clean_header,
    encode_address,
    make_message,
    make_message_id,
)
from digest.render import render_html, render_text
from tests.issue_samples import COMPOSED_AT, HOSTILE, MAIL_ONLY, issue, many, with_web

PARTS = MessageParts(
    message_id=make_message_id("subscription 3 on 2031-03-17", "example.org"),
    date=COMPOSED_AT,
    from_name="Paper digest",
    from_address="digest@example.org",
    to_address="ada@example.net",
    subject="Keeping an Index Fresh, and 3 more papers",
    text="Good morning.\n",
    html="<p>Good morning.</p>\n",
    list_name="Paper digest",
    list_id="digest.example.org",
    unsubscribe_mailto="mailto:leave@example.org?subject=leave%20abc.def",
    unsubscribe_url="https://digest.example.org/u/abc.def",
    feedback_id="daily:digest:example",
)
RTL = "شبكات عصبية: فهرسة جديدة للبحث — שיטה חדשה לאחזור"
EMOJI = "👩‍🔬🏳️‍🌈 duck 🦆 study " * 12
CJK = "在不重建索引的情况下保持稠密检索的新鲜度，一种虚构的方法" * 8
SUBJECTS = [
    "plain",
    "",
    "a" * 500,
    "word " * 100,
    "ünï " * 125,
    RTL,
    EMOJI,
    CJK,
    "é" * 500,
    "=?utf-8?q?not_encoded?=",
    "a =?x?= b",
    "_ = ? under_score",
    "tab\there",
    "a\u2028b\x85c\x0bd\x1ce",
    "\ud800 alone",
    "x" * 62 + " " + "y" * 70,
    "mostly plain = with_an é? in it, _and_ more words",
]
WAYS = ("unsubscribe_url", "unsubscribe_mailto")
NAMES = [
    "Paper digest",
    'A "quoted" \\ name',
    "Digest, daily (beta) <x@y.org>",
    "Zeitung für Ada",
    "words and more words, " * 6,
    "x" * 150,
    "=?utf-8?q?a?=",
    "a@b.org",
    "é" * 19,
    RTL,
    CJK,
    EMOJI,
    "",
]
NO_ADDRESSES = [
    "",
    "ada",
    "@example.org",
    "ada@",
    "ä d@example.org",
    "a b@example.org",
    "ada@exa mple.org",
    "ada@example..org",
    ".a@example.org",
    "a@b@c.org",
    "<a@b.org>",
    "a@b.org,c@d.org",
    "ada@example.org\x00",
    "a@-x.org",
    "a" * 65 + "@example.org",
    "a@" + "b." * 130 + "org",
    "a@ex\udc00mple.org",
    "a@\u2028.org",
]
TEXTS = st.text(HOSTILE) | st.text("\n\r .From=\té\x00-a", max_size=300)


def built(**changes: Any) -> bytes:
    """The message with some parts changed."""
    return make_message(replace(PARTS, **changes))


def read(raw: bytes) -> EmailMessage:
    """The message as Python's own parser reads it, without any complaint."""
    parsed = cast(EmailMessage, email.message_from_bytes(raw, policy=default))
    assert not parsed.defects
    for part in parsed.walk():
        assert not part.defects
    for value in parsed.values():
        assert not value.defects
    return parsed


def body(raw: bytes, kind: str) -> str:
    """The text or HTML part, with plain line ends."""
    part = read(raw).get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def header_lines(raw: bytes) -> list[bytes]:
    """The raw lines of the header block."""
    return raw.partition(b"\r\n\r\n")[0].split(b"\r\n")


def raw_header(raw: bytes, name: str) -> bytes:
    """One header as it stands on the wire, folds included."""
    block = b"\r\n" + raw.partition(b"\r\n\r\n")[0]
    found = re.findall(rb"\r\n" + name.encode() + rb":((?:[^\r\n]|\r\n[ \t])*)", block)
    assert len(found) == 1
    return cast(bytes, found[0])


def check_wire(raw: bytes) -> None:
    """The rules that hold for every message whatever is in it."""
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert b"\x00" not in raw
    assert raw.endswith(b"--\r\n")
    lines = raw.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not [line for line in lines if line.startswith((b".", b"From "))]
    for line in header_lines(raw):
        assert re.match(rb"[A-Za-z-]+: ?\S|[A-Za-z-]+:$|[ ]\S", line), line
    in_body = raw.partition(b"\r\n\r\n")[2].split(b"\r\n")
    assert max(len(line) for line in in_body if not line.startswith(b"Content-")) <= 76
    assert not [line for line in in_body if line.endswith((b" ", b"\t"))]


class TestHeaders:
    def test_all_that_a_list_mail_needs_once_each(self) -> None:
        parsed = read(built())
        assert parsed.keys() == [
            "Date",
            "From",
            "To",
            "Subject",
            "Message-ID",
            "List-Id",
            "List-Unsubscribe",
            "List-Unsubscribe-Post",
            "Auto-Submitted",
            "Precedence",
            "Feedback-ID",
            "MIME-Version",
            "Content-Type",
        ]
        assert parsed["From"] == "Paper digest <digest@example.org>"
        assert parsed["To"] == "ada@example.net"
        assert parsed["Auto-Submitted"] == "auto-generated"
        assert parsed["Precedence"] == "bulk"
        assert parsed["List-Id"] == '"Paper digest" <digest.example.org>'
        assert parsed.get_content_type() == "multipart/alternative"

    def test_the_date_is_the_one_given(self) -> None:
        elsewhere = datetime(2031, 3, 17, 8, 0, 5, tzinfo=timezone(timedelta(hours=2)))
        raw = built(date=elsewhere)
        assert parsedate_to_datetime(read(raw)["Date"]) == elsewhere.astimezone(UTC)
        assert b"Date: Mon, 17 Mar 2031 06:00:05 +0000\r\n" in raw

    def test_one_click_only_over_https(self) -> None:
        assert raw_header(built(), "List-Unsubscribe-Post") == b" List-Unsubscribe=One-Click"
        for url in (None, "http://127.0.0.1:8000/u/abc"):
            assert b"List-Unsubscribe-Post" not in built(unsubscribe_url=url)

    def test_leaving_names_the_web_first_and_is_folded_between_addresses_only(self) -> None:
        long = "https://digest.example.org/u/" + "x" * 300
        assert raw_header(built(unsubscribe_url=long), "List-Unsubscribe") == (
            b" <" + long.encode() + b">,\r\n <mailto:leave@example.org?subject=leave%20abc.def>"
        )

    def test_without_a_web_only_mail_is_named(self) -> None:
        raw = built(unsubscribe_url=None)
        assert raw_header(raw, "List-Unsubscribe") == b" <mailto:leave@example.org?subject=leave%20abc.def>"
        assert b"http" not in raw.partition(b"\r\n\r\n")[0]

    def test_a_comma_in_an_address_does_not_end_it(self) -> None:
        raw = built(unsubscribe_url="https://example.org/a,b")
        assert b"<https://example.org/a%2Cb>," in raw_header(raw, "List-Unsubscribe")

    def test_help_may_be_named(self) -> None:
        assert (
            raw_header(built(help_url="https://example.org/help"), "List-Help")
            == b" <https://example.org/help>"
        )

    @pytest.mark.parametrize(
        "name", ["List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Message-ID", "List-Help"]
    )
    def test_structured_headers_hold_no_encoded_words(self, name: str) -> None:
        raw = built(
            list_name="Ünï =?utf-8?q?x?= " * 9,
            unsubscribe_url="https://digest.example.org/u/" + "y" * 500,
            help_url="mailto:help@example.org?subject=" + "z" * 400,
            from_name="Ünï",
            subject="Ünï",
        )
        assert b"=?" not in raw_header(raw, name)
        check_wire(raw)

    def test_a_list_name_that_is_not_ascii_is_left_out_of_its_id(self) -> None:
        assert raw_header(built(list_name="Zeitung für Ada"), "List-Id") == b" <digest.example.org>"

    def test_optional_headers_are_left_out(self) -> None:
        assert b"Feedback-ID" not in built(feedback_id=None)
        assert b"List-Help" not in built()

    @pytest.mark.parametrize("name", NAMES)
    def test_display_names_come_back(self, name: str) -> None:
        raw = built(from_name=name)
        (address,) = read(raw)["From"].addresses
        assert address.addr_spec == "digest@example.org"
        # Python's parser of addresses leaves the blank between encoded-words, which RFC 2047 drops.
        line = raw_header(raw, "From").decode().replace("\r\n", "").strip()
        if line.count("=?") > 1 and not name.isascii():
            assert str(make_header(decode_header(line))) == f"{clean_header(name, 200)} <digest@example.org>"
        else:
            assert address.display_name == clean_header(name, 200)
        assert all(len(line) <= 78 for line in header_lines(raw) if b" " in line.strip())
        check_wire(raw)


class TestSubject:
    @pytest.mark.parametrize("subject", SUBJECTS)
    def test_it_comes_back(self, subject: str) -> None:
        raw = built(subject=subject)
        assert read(raw)["Subject"] == (clean_header(subject) or "Paper digest")
        check_wire(raw)

    @given(st.text(HOSTILE, max_size=600))
    @example("ß" * 60)
    def test_any_text_comes_back_clean(self, subject: str) -> None:
        raw = built(subject=subject)
        assert read(raw)["Subject"] == (clean_header(subject) or "Paper digest")
        check_wire(raw)

    @given(st.text(HOSTILE, max_size=600))
    @example(CJK)
    @example("é" * 500)
    @example("mostly plain é and " * 20)
    @example(EMOJI)
    def test_encoded_words_are_short_and_hold_whole_characters(self, subject: str) -> None:
        raw = built(subject=subject, from_name=subject)
        for name in ("Subject", "From"):
            lines = (name.encode() + b":" + raw_header(raw, name)).split(b"\r\n")
            words = re.findall(rb"=\?utf-8\?([QB])\?(\S*?)\?=", b" ".join(lines))
            for line in lines if words else []:
                assert len(line) <= 76
            for way, word in words:
                assert len(word) + len("=?utf-8?Q??=") <= 75
                decode = decode_header(f"=?utf-8?{way.decode()}?{word.decode()}?=")
                assert isinstance(decode[0][0], bytes)
                decode[0][0].decode("utf-8")

    def test_500_letters_are_folded(self) -> None:
        lines = raw_header(built(subject="word " * 100), "Subject").split(b"\r\n")
        assert len(lines) == 7
        assert max(map(len, lines)) <= 78

    def test_the_shorter_way_of_encoding_is_taken(self) -> None:
        assert b"=?utf-8?Q?" in raw_header(built(subject="mostly plain é"), "Subject")
        assert b"=?utf-8?B?" in raw_header(built(subject=CJK), "Subject")

    def test_naughty_strings_come_back(self, shared: Path) -> None:
        for subject in json.loads((shared / "corpora/blns.json").read_text()):
            raw = built(subject=subject, from_name=subject, text=subject, html=subject)
            assert read(raw)["Subject"] == (clean_header(subject) or "Paper digest")
            check_wire(raw)

    def test_cleaning_leaves_one_line_without_controls(self) -> None:
        assert clean_header(
            " a\r\nBcc: x\u2028b\x85c\x00d\u202ee\u2066f\ud800 "
        ) == "a Bcc: x b c d e f".replace("d e f", "def")
        assert clean_header("x" * 2000) == "x" * 1000


class TestInjection:
    BREAKS = ("\r\n", "\n", "\r", "\x0b", "\x85", "\u2028", "\r\n ", "\n\n", "\x00")

    @pytest.mark.parametrize("line_end", BREAKS)
    @pytest.mark.parametrize("field", ["subject", "from_name", "list_name"])
    def test_no_text_begins_a_header(self, field: str, line_end: str) -> None:
        """Known faults 25 to 28."""
        raw = built(**{field: f"x{line_end}Bcc: evil@example.org{line_end}{line_end}body"})
        assert read(raw).keys() == read(built()).keys()
        assert body(raw, "plain") == PARTS.text
        check_wire(raw)

    @pytest.mark.parametrize("line_end", BREAKS)
    @pytest.mark.parametrize(
        "field",
        ["message_id", "from_address", "to_address", "list_id", "feedback_id", *WAYS, "help_url"],
    )
    def test_no_structured_value_takes_a_line_end(self, field: str, line_end: str) -> None:
        good = getattr(PARTS, field) or "https://example.org/help"
        for bad in (good + line_end, good + line_end + "Bcc: evil@example.org", line_end + good):
            with pytest.raises(DeliveryError) as caught:
                built(**{field: bad})
            assert not caught.value.transient
            assert caught.value.fatal is (field != "to_address")
            assert len(str(caught.value).splitlines()) == 1

    @pytest.mark.parametrize("field", WAYS)
    @pytest.mark.parametrize(
        "bad",
        ["https://a/>, <https://evil", "javascript:x", "https://ä.example", 'https://a/"', "https://a b"],
    )
    def test_an_address_of_leaving_stays_in_its_brackets(self, field: str, bad: str) -> None:
        with pytest.raises(DeliveryError):
            built(**{field: bad})

    def test_a_boundary_in_a_body_ends_nothing(self) -> None:
        boundary = read(built()).get_boundary()
        text = f"--{boundary}\n--{boundary}--\nContent-Type: text/html\n\n<b>x</b>\n"
        assert body(built(text=text, html=text), "plain") == text


class TestRecipients:
    @pytest.mark.parametrize(
        ("address", "wire"),
        [
            ("ada@example.org", "ada@example.org"),
            ("a.b+c=d@sub.example.org", "a.b+c=d@sub.example.org"),
            ("ada@bücher.example.net", "ada@xn--bcher-kva.example.net"),
            ("ada@例え.jp", "ada@xn--r8jz45g.jp"),
            ("ada@localhost", "ada@localhost"),
            ("Ada@Example.org", "Ada@Example.org"),
        ],
    )
    def test_addresses_that_can_be_written(self, address: str, wire: str) -> None:
        assert encode_address(address) == wire
        raw = built(to_address=address)
        assert raw_header(raw, "To") == f" {wire}".encode()

    @pytest.mark.parametrize("address", NO_ADDRESSES)
    def test_addresses_that_cannot_are_refused_for_good(self, address: str) -> None:
        with pytest.raises(DeliveryError) as caught:
            built(to_address=address)
        assert not caught.value.transient
        assert not caught.value.fatal
        str(caught.value).encode()

    def test_a_long_address_stands_on_a_line_of_its_own(self) -> None:
        address = "a" * 60 + "@" + "b" * 40 + ".example.org"
        assert raw_header(built(to_address=address), "To") == f"\r\n {address}".encode()
        assert read(built(to_address=address))["To"] == address


class TestMessageId:
    def test_it_is_the_same_on_every_attempt_and_tells_nothing(self) -> None:
        made = make_message_id("ada@example.net on 2031-03-17", "example.org")
        assert made == make_message_id("ada@example.net on 2031-03-17", "example.org")
        assert re.fullmatch(r"<[0-9a-f]{32}@example\.org>", made)
        assert made != make_message_id("ada@example.net on 2031-03-18", "example.org")

    def test_an_international_domain_is_written_in_ascii(self) -> None:
        assert make_message_id("x", "bücher.example.net").endswith("@xn--bcher-kva.example.net>")

    def test_it_comes_back(self) -> None:
        assert read(built())["Message-ID"] == PARTS.message_id


class TestBodies:
    def test_the_same_parts_give_the_same_bytes(self) -> None:
        assert built() == built()

    def test_text_comes_before_html(self) -> None:
        parts = list(read(built()).iter_parts())
        assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
        assert all(part.get_content_charset() == "utf-8" for part in parts)

    @pytest.mark.parametrize("shown", [issue(), many(25)])
    def test_a_whole_issue_comes_back(self, shown: Any) -> None:
        text, html = render_text(shown, with_web(shown)), render_html(shown, with_web(shown))
        raw = built(text=text, html=html)
        assert body(raw, "plain") == text
        assert body(raw, "html") == html
        check_wire(raw)

    @given(TEXTS, TEXTS)
    @example("From me\n.\n..\nFrom From you\n.From\n", "a \n\t\n=\n")
    @example("x" * 75 + ".\n" + "y" * 75 + "From z", ".")
    @example("中" * 500, "x" * 300)
    @example("\ud800", "\udfff x")
    def test_any_text_comes_back(self, text: str, html: str) -> None:
        raw = built(text=text, html=html)
        for kind, given_text in (("plain", text), ("html", html)):
            want = given_text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()
            assert body(raw, kind) == want
        check_wire(raw)

    def test_the_shorter_encoding_is_taken(self) -> None:
        raw = built(text="plain\n" * 50, html="中文" * 500)
        encodings = [part["Content-Transfer-Encoding"] for part in read(raw).iter_parts()]
        assert encodings == ["quoted-printable", "base64"]

    @given(st.text("aé中.\n", min_size=50, max_size=400))
    def test_no_part_is_longer_than_either_encoding(self, text: str) -> None:
        whole = message._whole(text)
        _, part = message._body_part("plain", whole)
        assert len(part) <= len(whole.wire)
        wire = text.replace("\n", "\r\n").encode()
        assert len(part) <= (len(wire) + 2) // 3 * 4 * 78 // 76 + 2

    @pytest.mark.parametrize("length", range(70, 80))
    def test_a_blank_at_a_lines_end_makes_no_line_too_long(self, length: int) -> None:
        """What it becomes is three characters long."""
        raw = built(text=f"{'x' * length} \n{'y' * length}\t\nend\n")
        check_wire(raw)
        assert body(raw, "plain") == f"{'x' * length} \n{'y' * length}\t\nend\n"

    @pytest.mark.parametrize("text", ["\n.\n", "\r.\r", "\r\n.\r\n", ".\r\n.\r\n", "a\n.\nMAIL FROM:<x>\n"])
    def test_no_line_is_a_lone_dot(self, text: str) -> None:
        """Known fault 27: what ends the data of SMTP does not occur, whoever forgets to stuff dots."""
        raw = built(text=text, html=text)
        assert b"\r\n." not in raw
        check_wire(raw)

    def test_reading_it_is_the_same_as_reading_the_slow_way(self) -> None:
        """Python's own EmailMessage gives the same values for the same mail."""
        text, html = render_text(issue(), MAIL_ONLY), render_html(issue(), MAIL_ONLY)
        slow = EmailMessage()
        slow["Subject"], slow["From"], slow["To"] = CJK[:60], "Ünï <digest@example.org>", "ada@example.net"
        slow.set_content(text)
        slow.add_alternative(html, subtype="html")
        theirs = read(slow.as_bytes(policy=default.clone(linesep="\r\n")))
        ours = read(built(subject=CJK[:60], from_name="Ünï", text=text, html=html))
        for name in ("Subject", "From", "To"):
            assert ours[name] == theirs[name]
        for kind in ("plain", "html"):
            mine, other = ours.get_body((kind,)), theirs.get_body((kind,))
            assert mine is not None
            assert other is not None
            assert mine.get_content().replace("\r\n", "\n") == other.get_content().replace("\r\n", "\n")
