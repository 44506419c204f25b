"""Fast mail is the same mail: whatever an issue holds, it reads like the one made the plain way."""

import itertools
import quopri
import random
import re
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from digest.branding import PLAIN
from digest.errors import DeliveryError
from digest.mailer.smtp_wire import double_dots, make_lines
from digest.message import encode_fragment
from digest.models import Letter, Subscriber
from digest.pipeline.assemble import Addressee, Assembler, Envelope
from digest.pipeline.letters import LINK, make_confirmation_letter, make_reminder_letter
from digest.tokens import (
    address_tag,
    make_confirmation,
    make_token,
    read_reader_reference,
    read_tag,
    read_token,
)
from digest.types import Cadence, IssueItem, IssueView, Reason, Section
from tests.issue_samples import COMPOSED_AT, SUMMARY, issue, item, notice_issue, paper

KEY = b"an invented key of 32 bytes long"
ENVELOPE = Envelope(
    sender="digest@example.org",
    list_name="Papers",
    unsubscribe_address="leave@example.org",
    bounce_address="bounces@example.org",
    base_url=None,
    secret=KEY,
)
WEB = replace(ENVELOPE, base_url="https://digest.example.org")
READER = Addressee(7, 2)
NUMBERS = itertools.count(1000)
MESSAGE_ID = "<0123456789abcdef0123456789abcdef@example.org>"
RECIPIENT = "ada@example.org"

WORDS = (
    *("retrieval", "of", "fresh", "indexes", "a", "=", ".", "From", "..", "<b>bold</b>", "&amp;", '"quoted"'),
    *(
        "\u202eright to left\u202c",
        "שלום",
        "在不重建索引的情况下",
        "👩‍🔬🧪",
        "naïve",
        "x" * 90,
        "https://a.example/?b=1&c",
    ),
    *(
        "{{ 7*7 }}",
        "{% raw %}",
        "\x00",
        "\ud800",
        "\r\n.\r\nQUIT",
        "\u2028",
        "=3D",
        "=?utf-8?q?x?=",
        "tab\there",
    ),
)


def words(dice: random.Random, most: int) -> str:
    return " ".join(dice.choice(WORDS) for _ in range(dice.randrange(most + 1)))


def generated(dice: random.Random) -> IssueView:
    """An issue of anything: 0 to 40 papers, hostile words, all sections, empty fields."""
    papers = [
        replace(
            paper(number),
            title=words(dice, 40) or "Title",
            abstract=words(dice, dice.choice((0, 5, 200))),
            organisation=dice.choice((None, words(dice, 4))),
            summary=dice.choice((None, words(dice, 20), SUMMARY)),
            votes=dice.choice((None, 0, 12)),
            code_url=dice.choice((None, "javascript:alert(1)", "https://github.com/example/x")),
        )
        for number in range(1, 1 + dice.choice((0, 1, 3, 15, 40)))
    ]
    items = [
        IssueItem(
            paper=one,
            section=section,
            score=0.5,
            interest=dice.choice((None, words(dice, 3))),
            reasons=tuple(words(dice, 6) for _ in range(dice.randrange(4))),
            shown_id=next(NUMBERS),
        )
        for one, section in zip(
            papers, sorted(dice.choices(list(Section), k=len(papers)), key=list(Section).index), strict=True
        )
    ]
    return IssueView(
        issue_id=1,
        local_date=COMPOSED_AT.date() + timedelta(days=dice.randrange(40)),
        subject=words(dice, 12),
        items=tuple(items),
        coverage=words(dice, 20),
        notice=words(dice, 20) or None,
        composed_at=COMPOSED_AT,
        zone=dice.choice(("UTC", "Asia/Kolkata")),
        interests=tuple(words(dice, 3) for _ in range(dice.randrange(4))),
    )


def read(message: bytes) -> EmailMessage:
    return message_from_bytes(message, policy=policy.default)


def contents(message: bytes) -> tuple[list[tuple[str, str]], str, str]:
    """Headers without what names the boundary, and both parts as text."""
    mail = read(message)
    headers = [(name, str(value)) for name, value in mail.items() if name != "Content-Type"]
    plain, html = mail.get_payload()
    return headers, plain.get_content(), html.get_content()


@pytest.mark.parametrize("seed", range(8))
def test_fast_and_slow_read_the_same(seed: int) -> None:
    """Over thousands of issues: the same headers, the same text part, the same HTML part."""
    dice = random.Random(seed)
    for envelope in (ENVELOPE, WEB):
        assembler = Assembler(envelope)
        for _ in range(130):
            view = generated(dice)
            reader = Addressee(dice.randrange(1, 99), 1, dice.choice(list(Cadence)))
            fast = assembler.message(view, reader, RECIPIENT, MESSAGE_ID)
            slow = assembler.slow_message(view, reader, RECIPIENT, MESSAGE_ID)
            assert contents(fast) == contents(slow)
            check_wire(fast)


@pytest.mark.parametrize("seed", range(2))
def test_fast_and_slow_read_the_same_in_every_language(seed: int) -> None:
    """Readers of several languages and a look of one's own, by one assembler: none gets another's words."""
    dice = random.Random(seed)
    look = replace(PLAIN, accent="#1f5fa8", footer=("Example Institute",))
    assembler = Assembler(replace(WEB, look=look, language="de"))
    for _ in range(130):
        code = dice.choice(["en", "de", None])
        view = replace(generated(dice), language=code)
        told = Reason("votes", "1 vote on A", {"votes": 1, "source": "A"})
        view = replace(
            view, items=tuple(replace(one, reasons=(told.text,), told=(told,)) for one in view.items)
        )
        reader = Addressee(dice.randrange(1, 99), 1, dice.choice(list(Cadence)))
        fast = contents(assembler.message(view, reader, RECIPIENT, MESSAGE_ID))
        assert fast == contents(assembler.slow_message(view, reader, RECIPIENT, MESSAGE_ID))
        _headers, plain, html = fast
        assert f'<html lang="{code or "de"}"' in html
        assert ("View in browser" in plain) is (code == "en")
        assert not view.items or (("1 vote on A" in " ".join(plain.split())) is (code == "en"))
        assert "Example Institute" in plain


def check_wire(message: bytes) -> None:
    """What holds for every mail on the wire. The last is why it can be sent without being looked at."""
    assert message.isascii()
    lines = message.split(b"\r\n")
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    head = lines.index(b"")
    assert all(len(line) <= 998 for line in lines[:head])
    assert all(len(line) <= 76 for line in lines[head:])
    assert not any(line.startswith((b".", b"From ")) for line in lines)
    assert double_dots(make_lines(message)) is message


def test_what_is_kept_does_not_leak_to_the_next_reader() -> None:
    """Links, interests and reasons are each reader's own, though the rest is shared."""
    assembler = Assembler(ENVELOPE)
    shared = paper(1)
    one = issue([replace(item(shared, interest="Retrieval", reasons=("keyword “a”",)), shown_id=5)])
    two = issue([replace(item(shared, interest="Clouds", reasons=("keyword “b”",)), shown_id=5)])
    first = assembler.message(one, Addressee(1, 1), RECIPIENT, MESSAGE_ID)
    second = assembler.message(two, Addressee(2, 1), RECIPIENT, MESSAGE_ID)
    _, plain, html = contents(second)
    assert "Clouds: keyword “b”" in plain
    assert "keyword “a”" not in html + plain
    again = assembler.message(one, Addressee(1, 1), RECIPIENT, MESSAGE_ID)
    assert again == first
    assert contents(second) == contents(assembler.slow_message(two, Addressee(2, 1), RECIPIENT, MESSAGE_ID))


def test_an_issue_with_too_many_papers_stays_below_what_gmail_shows() -> None:
    """The way from fragments gives way to the slow one, which makes cards compact."""
    many = [replace(item(paper(number)), shown_id=number) for number in range(1, 51)]
    _, _, html = contents(Assembler(ENVELOPE).message(issue(many), READER, RECIPIENT, MESSAGE_ID))
    assert len(html.encode()) <= 80_000
    assert html.count("<h3") == 50


def test_a_notice_has_no_papers_and_all_the_links() -> None:
    """And is made the fast way too."""
    view = notice_issue()
    assembler = Assembler(ENVELOPE)
    assert assembler._body(view, assembler._links(view, READER), "token") is not None
    fast = assembler.message(view, READER, RECIPIENT, MESSAGE_ID)
    assert contents(fast) == contents(assembler.slow_message(view, READER, RECIPIENT, MESSAGE_ID))


@pytest.mark.parametrize(
    "text", ["", "a", "x" * 75, "x" * 76, "x" * 77, "é" * 40, "a=" * 60, ".dot", "From me ", "a\n"]
)
def test_fragments_one_after_the_other_are_the_whole(text: str) -> None:
    """However a text is cut: decoded it is the text, in lines of at most 76."""
    for cut in range(len(text) + 1):
        pieces = [encode_fragment(one) for one in (text[:cut], text[cut:], "end\n")]
        encoded = b"".join(one.wire for one in pieces)
        assert quopri.decodestring(encoded).decode().replace("\r\n", "\n") == f"{text}end\n"
        assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))
        assert sum(one.size for one in pieces) == len(f"{text}end\n".encode())


# --- headers ---------------------------------------------------------------------------------------


def headers_of(envelope: Envelope, reader: Addressee = READER) -> dict[str, bytes]:
    view = issue([replace(item(paper(1)), shown_id=1)])
    message = Assembler(envelope).message(view, reader, RECIPIENT, MESSAGE_ID)
    head = re.sub(rb"\r\n[ \t]", b" ", message.partition(b"\r\n\r\n")[0])
    return {
        name.decode(): value.strip()
        for name, _, value in (line.partition(b":") for line in head.split(b"\r\n"))
    }


def test_leaving_by_mail_needs_no_word() -> None:
    """The address alone says who leaves; there is no link to a web that is not there."""
    headers = headers_of(ENVELOPE)
    found = re.fullmatch(
        rb"<mailto:(leave\+u[a-z2-7]{26}@example\.org)\?subject=unsubscribe>", headers["List-Unsubscribe"]
    )
    plain, tag = address_tag(found[1].decode())
    assert plain == "leave@example.org"
    assert read_reader_reference(read_tag(KEY, "u", tag)) == (7, 2)
    assert "List-Unsubscribe-Post" not in headers


def test_leaving_by_one_click_comes_first() -> None:
    """RFC 8058: the https address, and the header that says it takes a POST."""
    headers = headers_of(WEB)
    assert re.fullmatch(
        rb"<https://digest\.example\.org/u/[a-z2-7-]+>, <mailto:.*>", headers["List-Unsubscribe"]
    )
    assert headers["List-Unsubscribe-Post"] == b"List-Unsubscribe=One-Click"
    assert headers["List-Help"].startswith(b"<https://digest.example.org/p/")


@pytest.mark.parametrize(
    "envelope",
    [
        replace(ENVELOPE, address_tags=False),
        replace(
            ENVELOPE, unsubscribe_address=f"{'l' * 50}@example.org", bounce_address=f"{'b' * 50}@example.org"
        ),
    ],
)
def test_where_no_tag_fits_the_subject_says_who_leaves(envelope: Envelope) -> None:
    """No plus addresses, or no room for one."""
    value = headers_of(envelope)["List-Unsubscribe"]
    assert re.fullmatch(rb"<mailto:l[a-z]+@example\.org\?subject=unsubscribe%20[a-z2-7-]+>", value)
    assert Assembler(envelope).envelope_sender(MESSAGE_ID) == envelope.bounce_address


def test_every_mail_says_what_it_is() -> None:
    """A list's automatic mail, with help, and numbers for the providers that hold no reader's."""
    headers = headers_of(ENVELOPE)
    assert headers["List-Id"] == b'"Papers" <digest.example.org>'
    assert headers["List-Help"] == b"<mailto:leave@example.org?subject=help>"
    assert headers["Auto-Submitted"] == b"auto-generated"
    assert headers["Precedence"] == b"bulk"
    assert re.fullmatch(rb"\d{8}:digest:issue:[0-9a-f]{8}", headers["Feedback-ID"])
    assert headers["Feedback-ID"] == headers_of(ENVELOPE, Addressee(8, 1))["Feedback-ID"]


def test_the_envelope_sender_is_each_mails_own_and_signed() -> None:
    """The same on every attempt; another key or mail has another."""
    sender = Assembler(ENVELOPE).envelope_sender(MESSAGE_ID)
    plain, tag = address_tag(sender)
    assert plain == "bounces@example.org"
    assert read_tag(KEY, "b", tag).hex() == "0123456789abcdef"
    assert sender == Assembler(ENVELOPE).envelope_sender(MESSAGE_ID)
    assert sender != Assembler(replace(ENVELOPE, secret=KEY[::-1])).envelope_sender(MESSAGE_ID)


def test_a_letter_is_of_no_list() -> None:
    """Nothing to leave, no bulk; but automatic."""
    letter = Letter(
        kind="test",
        recipient=RECIPIENT,
        key="1",
        subject="A test",
        text="It works.\n",
        html="<p>It works.</p>\n",
        created_at=COMPOSED_AT,
        expires_at=COMPOSED_AT,
    )
    mail = read(Assembler(WEB).letter(letter, RECIPIENT, MESSAGE_ID))
    assert mail["Auto-Submitted"] == "auto-generated"
    assert not [name for name in mail if name.startswith("List-") or name in ("Precedence", "Feedback-ID")]


def test_a_reader_whose_address_is_not_ascii() -> None:
    """Their address, and nothing else, is in UTF-8 (RFC 6532)."""
    message = Assembler(ENVELOPE).message(notice_issue(), READER, "用户@example.org", MESSAGE_ID)
    assert [line for line in message.split(b"\r\n") if not line.isascii()] == [
        "To: 用户@example.org".encode()
    ]


# --- links to the web ------------------------------------------------------------------------------


def test_where_there_is_a_web_links_lead_there() -> None:
    """More, less and save of each paper; the issue in a browser; each token for its own purpose alone."""
    view = issue([replace(item(paper(5)), shown_id=1)])
    _, plain, html = contents(Assembler(WEB).message(view, READER, RECIPIENT, MESSAGE_ID))
    base = re.escape(WEB.base_url)
    for kind in ("more", "less", "saved"):
        (token,) = re.findall(rf'href="{base}/f/([a-z2-7-]+)/5/{kind}"', html)
        assert read_token(KEY, "feedback", token) == ("7", 2)
        assert read_token(KEY, "unsubscribe", token) is None
    for text in (plain, html):
        (token,) = re.findall(rf"{base}/i/([a-z2-7-]+)", text)
        assert read_token(KEY, "issue", token) == (f"7.{view.issue_id}", 2)
        assert f"{WEB.base_url}/u/" in text
        assert f"{WEB.base_url}/p/" in text
    assert "/f/" not in plain
    assert "mailto:" not in html


def test_where_there_is_none_all_goes_by_mail() -> None:
    view = issue([replace(item(paper(5)), shown_id=1)])
    _, plain, html = contents(Assembler(ENVELOPE).message(view, READER, RECIPIENT, MESSAGE_ID))
    assert "View in browser" not in plain + html
    assert ">Save<" not in html
    assert html.count("mailto:leave@example.org?subject=more") == 1


def test_what_is_not_stored_has_no_page() -> None:
    view = replace(issue([replace(item(paper(5)), shown_id=1)]), issue_id=0)
    _, plain, html = contents(Assembler(WEB).message(view, READER, RECIPIENT, MESSAGE_ID))
    assert "/i/" not in plain + html


@pytest.mark.parametrize("kind", ["confirmation", "reminder"])
def test_a_letters_link_is_put_in_as_it_is_sent(kind: str) -> None:
    """The same on every attempt; without a web it waits."""
    nonce = "ab" * 32
    reader = Subscriber(id=7, email=RECIPIENT, token_version=2, status="active", created_at=COMPOSED_AT)
    made = (
        make_confirmation_letter("Papers", RECIPIENT, nonce, COMPOSED_AT)
        if kind == "confirmation"
        else make_reminder_letter("Papers", reader, COMPOSED_AT)
    )
    wanted = {
        "confirmation": f"{WEB.base_url}/confirm/{make_confirmation(KEY, bytes.fromhex(nonce))}",
        "reminder": f"{WEB.base_url}/p/{make_token(KEY, 'preferences', '7', 2)}",
    }[kind]
    assert wanted not in made.text + made.html
    sent = Assembler(WEB).letter(made, RECIPIENT, MESSAGE_ID)
    assert sent == Assembler(WEB).letter(made, RECIPIENT, MESSAGE_ID)
    headers, plain, html = contents(sent)
    assert not [name for name, _ in headers if name.startswith("List-")]
    assert plain.count(wanted) == html.count(wanted) == 1
    assert LINK not in plain + html
    with pytest.raises(DeliveryError) as error:
        Assembler(ENVELOPE).letter(made, RECIPIENT, MESSAGE_ID)
    assert error.value.transient
