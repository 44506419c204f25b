"""Through a real relay to a real mailbox: Postfix twice, and its own bounces fed back in.

The relay hands every mail to the final host, which knows the mailboxes. What it refuses comes back as a real
delivery status notification to the envelope sender, whose mailbox lies there too. Where Postfix is not
installed, these tests skip.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import cast

import pytest
import trustme

from tests.e2e.composed import DUE, Home, make_home
from tests.e2e.postfix import Postfix, mailboxes, mails, need_postfix, open_folder, running

pytestmark = pytest.mark.e2e

DOMAIN = "example.org"
READERS = [f"reader{number}" for number in range(1, 9)]
# Known to nobody; to the relay too full; to the final host too full.
UNKNOWN, FULL_HERE, FULL_THERE = "gone", "full-here", "full-there"
BOUNCES = "bounces"
ARRIVES_WITHIN_S = 30


@dataclass(frozen=True)
class Way:
    """Relay and final host at work."""

    relay: Postfix
    encrypted: Postfix
    host: Postfix
    boxes: Path
    authority: Path

    def mails(self, name: str) -> list[bytes]:
        """What arrived in a mailbox."""
        return mails(self.boxes / name)

    def wait(self, arrived: Callable[[], bool]) -> None:
        """Wait until something has arrived; fails with the logs where it does not."""
        give_up_at = time.monotonic() + ARRIVES_WITHIN_S
        while not arrived():
            logs = f"relay:\n{self.relay.log}\nfinal host:\n{self.host.log}"
            assert time.monotonic() < give_up_at, f"nothing arrived\n{logs}"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def way() -> Iterator[Way]:
    """A relay in the clear, one with a certificate, and the host they hand over to."""
    need_postfix()
    with ExitStack() as stack:
        folder = stack.enter_context(open_folder())
        boxes = mailboxes(folder / "boxes", DOMAIN, [*READERS, FULL_THERE, BOUNCES])
        full = f"check_recipient_access inline:{{{{{FULL_THERE}@{DOMAIN} = 452 4.2.2 Mailbox full}}}}"
        host_settings = {"myhostname": "host.example.org", "smtpd_recipient_restrictions": f"{full}, permit"}
        host = stack.enter_context(running(folder / "host", host_settings | boxes))
        full = f"check_recipient_access inline:{{{{{FULL_HERE}@{DOMAIN} = 452 4.2.2 Mailbox full}}}}"
        settings = {
            "myhostname": "relay.example.net",
            "default_transport": f"smtp:[127.0.0.1]:{host.port}",
            "smtpd_recipient_restrictions": f"{full}, permit_mynetworks, reject",
            # One try, so that what is put off comes back at once.
            "maximal_queue_lifetime": "0",
        }
        relay = stack.enter_context(running(folder / "relay", settings))
        authority = trustme.CA()
        certificate = authority.issue_cert("mail.example.org")
        authority.cert_pem.write_to_path(folder / "authority.pem")
        certificate.private_key_and_cert_chain_pem.write_to_path(folder / "relay.pem")
        tls = {"smtpd_tls_chain_files": f"{folder / 'relay.pem'}", "smtpd_tls_security_level": "encrypt"}
        encrypted = stack.enter_context(running(folder / "encrypted", settings | tls))
        yield Way(relay, encrypted, host, folder / "boxes", folder / "authority.pem")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Eleven readers with an issue each; three of them are hard to reach."""
    names = [*READERS, UNKNOWN, FULL_HERE, FULL_THERE]
    return make_home(tmp_path_factory.mktemp("composed") / "home", [f"{name}@{DOMAIN}" for name in names])


@pytest.fixture
def home(template: Home, tmp_path: Path, way: Way) -> Iterator[Home]:
    """A copy of them that sends by the relay; the mailboxes are empty before and after."""
    home = template.copy(tmp_path / "home")
    home.by_smtp(way.relay.port, bounce_address=f"{BOUNCES}@{DOMAIN}")
    yield home
    for server in (way.relay, way.encrypted, way.host):
        way.wait(server.is_idle)
    for path in [*way.boxes.glob("*/new/*"), *way.boxes.glob("*/cur/*")]:
        path.unlink()


def read(raw: bytes) -> EmailMessage:
    return cast(EmailMessage, message_from_bytes(raw, policy=policy.default))


def made(home: Home, folder: Path) -> dict[str, bytes]:
    """The same mails as they leave here, by recipient: sent once more, into a Maildir."""
    beside = home.copy(folder)
    beside.configure(bounce_address=f"{BOUNCES}@{DOMAIN}")
    beside.ok("deliver")
    sent = mails(folder / "data" / "outbox")
    return {str(read(raw)["To"]): raw.replace(b"\r\n", b"\n") for raw in sent}


def test_everybody_gets_one_mail_with_its_bytes_intact(home: Home, way: Way, tmp_path: Path) -> None:
    """One in each mailbox, as it was made: the relays add headers above it and change nothing below."""
    as_made = made(home, tmp_path / "beside")
    done = home.run("deliver", "--json")
    assert done.json["sent"] == len(READERS) + 2
    way.wait(lambda: all(way.mails(name) for name in READERS))
    for name in READERS:
        (raw,) = way.mails(name)
        assert raw.endswith(as_made[f"{name}@{DOMAIN}"])
        mail = read(raw)
        assert mail["List-Unsubscribe"].startswith("<mailto:")
        assert mail["Return-Path"].startswith(f"<{BOUNCES}+b")
        assert len(mail.defects) == 0
        assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert home.ok("deliver", "--json").json["sent"] == 0


def test_a_reader_nobody_knows_bounces_by_the_hosts_own_notification(home: Home, way: Way) -> None:
    """550 at the final host → a notification to the tagged sender → ``digest bounces read`` → bounced."""
    home.run("deliver")
    way.wait(lambda: len(way.mails(BOUNCES)) >= 2)
    notifications = [read(raw) for raw in way.mails(BOUNCES)]
    assert {mail.get_content_type() for mail in notifications} == {"multipart/report"}
    boxes = str(way.boxes / BOUNCES)
    counts = home.ok("bounces", "read", boxes, "--json").json
    # The one nobody knows, and the one whose mailbox is full, given up by the relay after one try.
    assert (counts["bounced"], counts["suspended"]) == (2, 1)
    assert home.run("status", "--json").json["bounced"] == 2
    why = home.ok("why", f"{UNKNOWN}@{DOMAIN}", "--json").json
    assert why["cause"] == "bounced"
    assert home.ok("bounces", "read", boxes, "--json").json["bounced"] == 0
    # Nobody who got the mail is told to have bounced, and the one whose mailbox is full stays a reader.
    for name in (READERS[0], FULL_THERE):
        assert home.ok("subscriber", "show", f"{name}@{DOMAIN}", "--json").json["status"] == "active"
    assert home.ok("subscriber", "show", f"{UNKNOWN}@{DOMAIN}", "--json").json["status"] == "bounced"


def test_a_full_mailbox_is_tried_again_later(home: Home, way: Way) -> None:
    """452 at the relay puts that reader off and nobody else; the same mail is tried again."""
    done = home.run("deliver", "--json")
    assert (done.code, done.json["deferred"], done.json["refused"]) == (1, 1, 0)
    assert home.run("deliver", "--json").json["deferred"] == 0
    why = home.ok("why", f"{FULL_HERE}@{DOMAIN}", "--json").json
    assert why["cause"] == "deferred"
    later = home.run("deliver", "--json", now=DUE + timedelta(hours=5))
    assert later.json["deferred"] == 1


def test_a_real_certificate_is_checked_and_the_line_encrypted(home: Home, way: Way) -> None:
    """STARTTLS with Postfix's own certificate; unknown to us, nothing leaves and it is told."""
    port = way.encrypted.port
    home.configure(smtp_url=f"smtp://mail.example.org:{port}", bounce_address=f"{BOUNCES}@{DOMAIN}")
    refused = home.run("deliver")
    assert refused.code == 1
    assert "certificate" in refused.err + refused.out
    assert not any(way.mails(name) for name in READERS)
    done = home.run("deliver", "--json", environ={"SSL_CERT_FILE": str(way.authority)})
    assert done.json["sent"] == len(READERS) + 2
    way.wait(lambda: all(way.mails(name) for name in READERS))
    assert b"ESMTPS" in way.mails(READERS[0])[0]
