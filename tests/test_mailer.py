"""Which addresses mail is sent to, and how the address of a mail server is read."""

import contextlib
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import ConfigError, DeliveryError, UsageError
from digest.mailer import (
    Channel,
    CommandChannel,
    MaildirChannel,
    MboxChannel,
    SmtpChannel,
    SmtpUrl,
    check_address,
    check_sender,
    parse_smtp_url,
    presets,
)
from tests.mail_samples import failed
from tests.smtp_server import SmtpServer

BAD_ADDRESSES = [
    "",
    "ada",
    "@reader.example",
    "ada@",
    "ada@@reader.example",
    "ada@reader.example\r\nRCPT TO:<eve@evil.example",
    "ada@reader.example\n",
    "ada@reader.example>\r\nDATA",
    "<ada@reader.example>",
    "Ada <ada@reader.example>",
    "ada(comment)@reader.example",
    "ada@reader.example,eve@evil.example",
    '"ada smith"@reader.example',
    "ada @reader.example",
    "ada@reader..example",
    "ada@-",
    "ada@reader.example\0",
    "ada@reader\u2028.example",
    "ada@\udc80.example",
    "ada@straße.example",
    "a" * 65 + "@reader.example",
    "ada@" + "x" * 300,
    "ada@" + "ä" * 100 + ".example",
]


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_what_is_not_one_plain_address_is_refused_for_good(address: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        check_address(address)
    assert not caught.value.transient
    assert not caught.value.fatal
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "wire"),
    [
        ("ada@reader.example", "ada@reader.example"),
        ("o'hara+papers=1@reader.example", "o'hara+papers=1@reader.example"),
        ("root@localhost", "root@localhost"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("用户@例え.example", "用户@xn--r8jz45g.example"),
    ],
)
def test_a_plain_address_keeps_its_name_and_gets_an_ascii_domain(address: str, wire: str) -> None:
    assert check_address(address) == wire


@given(st.text(max_size=40) | st.from_regex(r"[ -~]{1,10}@[ -~]{1,10}"))
def test_no_accepted_address_can_break_out_of_its_brackets(address: str) -> None:
    with contextlib.suppress(DeliveryError):
        assert re.fullmatch(r"[^\s<>,;:\"()\\\x00-\x1f]+@[a-zA-Z0-9._-]+", check_address(address))


@pytest.mark.parametrize("kind", ["maildir", "mbox", "command", "smtp"])
@pytest.mark.parametrize("address", BAD_ADDRESSES[5:9])
def test_a_bad_address_reaches_neither_disk_nor_server_nor_program(
    tmp_path: Path, kind: str, address: str
) -> None:
    """No line end passes from an address into a command (CVE-2026-53533, bpo-43124)."""
    traces = tmp_path / "traces"
    with SmtpServer() as server:
        ways: dict[str, Channel] = {
            "maildir": MaildirChannel(traces),
            "mbox": MboxChannel(traces / "mbox"),
            "command": CommandChannel(["/bin/mkdir", str(traces)]),
            "smtp": SmtpChannel(SmtpUrl("127.0.0.1", server.port, "plain")),
        }
        way = ways[kind]
        assert not failed(way, to=address).transient
        assert not failed(way, to=address).fatal
        assert not failed(way, sender=address).transient
        assert failed(way, sender=address).fatal
        way.close()
        assert server.commands == []
        assert server.connections == 0
    assert not traces.exists()


@given(st.text(max_size=40) | st.from_regex(r"[ -~]{1,10}@[ -~]{1,10}"))
def test_a_sender_is_as_strictly_looked_at_but_may_be_empty(address: str) -> None:
    """And a wrong one stops the run: no reader is to blame."""
    if not address:
        assert check_sender(address) == ""
        return
    try:
        checked = check_address(address)
    except DeliveryError:
        with pytest.raises(DeliveryError) as caught:
            check_sender(address)
        assert (caught.value.fatal, caught.value.transient) == (True, False)
    else:
        assert check_sender(address) == checked


def test_a_channel_says_whether_sending_twice_is_safe(tmp_path: Path) -> None:
    """Deliver asks, when it finds a mail whose sending was cut off."""
    assert MaildirChannel(tmp_path).idempotent
    assert MboxChannel(tmp_path / "mbox").idempotent
    assert not SmtpChannel(SmtpUrl("mail.example", 465, "tls")).idempotent
    assert not CommandChannel(["sendmail"]).idempotent


# --- the SMTP address ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("smtps://me:pw@mail.example:465", SmtpUrl("mail.example", 465, "tls", "me", "pw")),
        ("smtps://mail.example", SmtpUrl("mail.example", 465, "tls")),
        ("SMTP://Mail.Example", SmtpUrl("mail.example", 587, "starttls")),
        ("smtp://mail.example:2525/", SmtpUrl("mail.example", 2525, "starttls")),
        ("smtp://localhost", SmtpUrl("localhost", 25, "plain")),
        ("smtp://127.0.0.1:1025", SmtpUrl("127.0.0.1", 1025, "plain")),
        ("smtp://[::1]:1025", SmtpUrl("::1", 1025, "plain")),
        ("smtp+plain://relay.example", SmtpUrl("relay.example", 25, "plain")),
        (
            "smtps://me%40x.example:p%2Fw%3A%40%25@mail.example",
            SmtpUrl("mail.example", 465, "tls", "me@x.example", "p/w:@%"),
        ),
        ("smtps://me@x.example:p+w@mail.example", SmtpUrl("mail.example", 465, "tls", "me@x.example", "p+w")),
    ],
)
def test_an_smtp_address_says_how_to_send(text: str, expected: SmtpUrl) -> None:
    assert parse_smtp_url(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hunter2",
        "hunter2://mail.example",
        "https://me:hunter2@mail.example",
        "smtps://",
        "smtps://me:hunter2@",
        "smtps://me@mail.example",
        "smtps://:hunter2@mail.example",
        "smtps://me:hunter2@mail.example:port",
        "smtps://me:hunter2@mail.example:99999",
        "smtps://me:hunter2@mail.example:0",
        "smtps://me:hunter2/x@mail.example",
        "smtps://me:1/hunter2@mail.example",
        "smtps://me:hunter2#x@mail.example",
        "smtps://me:hunter2?x@mail.example",
        "smtps://me:hunter2%0d%0aQUIT@mail.example",
        "smtps://me:hun\nter2@mail.example",
        "smtps://me:hunter2@mail .example",
        "smtps://me:hunter2@mail..example",
        "smtps://me:hunter2@[mail.example",
    ],
)
def test_a_wrong_smtp_address_is_a_settings_fault_that_tells_no_secret(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_smtp_url(text)
    assert str(caught.value).startswith("the mail server's address is not usable: ")
    assert "hunter2" not in str(caught.value)


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=30))
def test_any_percent_encoded_password_comes_back_and_shows_nowhere(password: str) -> None:
    url = parse_smtp_url(f"smtps://me:{quote(password, safe='')}@mail.example")
    assert url.password == password
    assert repr(url) == repr(replace(url, password="another"))
    assert str(url) == "smtps://me@mail.example:465"
    assert repr(SmtpChannel(url)).startswith("<digest.mailer.smtp.SmtpChannel object")


def test_every_preset_gives_an_address_that_encrypts() -> None:
    assert {
        "gmail",
        "fastmail",
        "outlook",
        "microsoft365",
        "mailbox.org",
        "posteo",
        "ses",
        "sendgrid",
    } <= set(presets())
    assert {"mailgun", "mailgun-eu", "postmark", "brevo"} <= set(presets())
    for name, preset in presets().items():
        url = parse_smtp_url(preset.smtp_url("me@x.example", "p:/@#w", region="eu-central-1"))
        assert url.security in ("tls", "starttls"), name
        assert url.password == "p:/@#w"
        assert url.user == (preset.user or "me@x.example")
        assert url.port == preset.port
        assert preset.advice.endswith(".")


def test_a_provider_by_region_needs_its_region() -> None:
    with pytest.raises(UsageError, match="eu-central-1"):
        presets()["ses"].smtp_url("me", "pw")
    assert "email-smtp.us-east-1.amazonaws.com" in presets()["ses"].smtp_url("me", "pw", region="us-east-1")
    assert presets()["ses"].needs_region
