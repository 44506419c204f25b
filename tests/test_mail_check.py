"""``digest mail check`` and ``digest mail test``: from the settings to sentences, over a real name server."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from digest.domains import Answer, Finding, Kind, Level
from digest.mailer import SmtpUrl, parse_smtp_url
from digest.pipeline.mail_check import MailSetup, check_mail, nothing_to_check
from digest.pipeline.mail_probe import probe_server
from tests.cli_runner import run
from tests.dns_server import FAILURE, DnsServer
from tests.smtp_server import SmtpServer, client_tls

NOW = datetime(2026, 1, 15, 8, tzinfo=UTC)


class NoNames:
    """A name system that must not be asked."""

    def look_up(self, name: str, kind: Kind) -> Answer:
        raise AssertionError(f"{name} was asked for")


class EmptyNames:
    """A name system in which nothing is."""

    def look_up(self, name: str, kind: Kind) -> Answer:
        return Answer("no_name")


def setup(sender: str = "digest@example.org", **settings: object) -> MailSetup:
    values = {
        "bounce_address": sender,
        "unsubscribe_address": sender,
        "relay": SmtpUrl("127.0.0.1", 25, "plain"),
        "base_url": "https://digest.example.org",
    }
    return MailSetup(sender, **(values | settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("sender", ["digest@localhost", "digest@box.local", "digest@host", "d@a.internal"])
def test_a_sender_that_only_this_network_knows_has_nothing_to_check(sender: str) -> None:
    """Nor has mail that is only stored here; the name system is not asked."""
    result = check_mail(setup(sender), NoNames())
    assert (result.ok, result.findings) == (True, ())
    assert "Nothing to check" in result.lines()[0]
    assert nothing_to_check(setup(channel="maildir", relay=None))
    assert nothing_to_check(setup(channel="mbox", relay=None))
    assert not nothing_to_check(setup(channel="command", relay=None))


def test_a_provider_that_sends_for_its_own_domain_needs_no_records_of_ours() -> None:
    """Another server that sends for it looks like a forger."""
    google = SmtpUrl("smtp.gmail.com", 465, "tls")
    found = check_mail(setup("ada@gmail.com", relay=google), EmptyNames()).findings
    assert found[0].level is Level.WELL
    assert not [finding for finding in found if finding.topic in ("spf", "dkim", "dmarc")]
    other = check_mail(setup("ada@gmail.com", relay=parse_smtp_url("smtp://127.0.0.1")), EmptyNames())
    assert other.findings[0].level is Level.WRONG


def test_each_thing_is_looked_up_at_the_domain_it_is_judged_by() -> None:
    """SPF at the envelope sender's, DKIM and DMARC at the one readers see, MX where mail comes back to."""
    parts = setup(
        "digest@example.org",
        bounce_address="b@bounces.example.net",
        unsubscribe_address="leave@example.com",
        dkim_selector="sel",
    )
    found = {(one.topic, one.domain) for one in check_mail(parts, EmptyNames()).findings if one.is_bad}
    assert found == {
        ("spf", "bounces.example.net"),
        ("dkim", "example.org"),
        ("dmarc", "example.org"),
        ("mx", "bounces.example.net"),
        ("mx", "example.com"),
        ("mx", "example.org"),
    }


def test_what_settings_tell_of_the_rules_of_large_receivers() -> None:
    """One click needs https; tags only a test can prove, and where they are off nothing is said."""

    def rules(**settings: object) -> list[tuple[str, Level]]:
        found = check_mail(setup(**settings), EmptyNames()).findings
        return [(one.topic, one.level) for one in found if one.topic in ("rules", "tags")]

    assert rules() == [("tags", Level.OPEN), ("rules", Level.WELL), ("rules", Level.OPEN)]
    assert rules(base_url=None, address_tags=False) == [("rules", Level.NOTE), ("rules", Level.OPEN)]
    assert rules(base_url="http://a.example", address_tags=False)[0] == ("rules", Level.NOTE)


# --- the mail server ---------------------------------------------------------------------------------


def probed(url: str, **settings: object) -> Finding:
    return probe_server(parse_smtp_url(url), now=NOW, tls=client_tls(), timeout_s=5, **settings)  # type: ignore[arg-type]


def test_the_server_is_spoken_to_as_for_sending() -> None:
    """Plain on this machine, STARTTLS where it is demanded, TLS from the start; nothing is sent."""
    with SmtpServer() as server:
        assert probed(f"smtp+plain://127.0.0.1:{server.port}").level is Level.WELL
        assert server.verbs() == ["EHLO", "QUIT"]
    with SmtpServer(implicit_tls=True) as server:
        finding = probed(f"smtps://localhost:{server.port}")
        assert (finding.level, "TLSv1.3" in finding.sentence) == (Level.WELL, True)


def test_a_server_that_refuses_or_does_not_answer() -> None:
    """A refused log-in is wrong; a server that is away is not known to be."""
    answers = {"AUTH": ["535 5.7.8 no"]}
    with SmtpServer(answers, extensions=("AUTH PLAIN LOGIN",)) as server:
        finding = probed(f"smtp+plain://ada:secret-word@127.0.0.1:{server.port}")
        assert finding.level is Level.WRONG
        assert "secret-word" not in str(finding)
        port = server.port
    assert probed(f"smtp+plain://127.0.0.1:{port}").level is Level.FAILED


def test_a_certificate_that_nobody_vouches_for_is_wrong() -> None:
    """The default context trusts the machine's authorities only."""
    with SmtpServer(implicit_tls=True) as server:
        finding = probe_server(parse_smtp_url(f"smtps://localhost:{server.port}"), now=NOW, timeout_s=5)
    assert finding.level is Level.WRONG
    assert "certificate" in finding.sentence


# --- the commands ------------------------------------------------------------------------------------


def configure(**settings: str | bool) -> None:
    """Settings with a source that nobody asks."""
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in settings.items()]
    Path("digest.toml").write_text(
        f'data_dir = "{Path.cwd() / "data"}"\n{"".join(lines)}'
        '[[source]]\nname = "x"\nkind = "huggingface"\nurl = "http://127.0.0.1:9"\nallow_private = true\n'
    )


@pytest.fixture
def relay() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        configure(
            smtp_url=f"smtp://127.0.0.1:{server.port}",
            mail_from="digest@example.org",
            base_url="https://digest.example.org",
        )
        yield server


def good_zone() -> dict[tuple[str, str], list[str] | str]:
    """A domain where everything is in order."""
    der = rsa.generate_private_key(65537, 2048).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    key = base64.b64encode(der.public_bytes(serialization.Encoding.DER, form)).decode()
    return {
        ("example.org", "TXT"): ["v=spf1 ip4:192.0.2.25 -all"],
        ("default._domainkey.example.org", "TXT"): [f"v=DKIM1; k=rsa; p={key}"],
        ("_dmarc.example.org", "TXT"): ["v=DMARC1; p=reject; rua=mailto:dmarc@example.org"],
        ("example.org", "MX"): ["10 mail.example.org."],
        ("mail.example.org", "A"): ["192.0.2.25"],
        ("25.2.0.192.in-addr.arpa", "PTR"): ["mail.example.org."],
    }


def test_a_domain_in_order_is_well(relay: SmtpServer) -> None:
    """Exit 0, and no mail was sent nor a database made."""
    with DnsServer(good_zone()) as names:
        words = ["mail", "check", "--nameserver", names.address, "--sends-from", "192.0.2.25"]
        ran = run(*words, "--json")
        shown = run(*words)
    assert (ran.code, ran.json["ok"], shown.code) == (0, True, 0)
    topics = {one["topic"] for one in ran.json["findings"] if one["level"] == "well"}
    assert topics == {"spf", "dkim", "dmarc", "reverse", "tls", "mx", "rules"}
    assert "nothing to mend" in shown.out
    assert relay.mails == []
    assert not Path("data").exists()


def test_what_is_missing_is_said_with_the_record_to_add(relay: SmtpServer) -> None:
    """Exit 1; each record can be copied into a zone file."""
    with DnsServer(
        {("example.org", "MX"): ["10 mail.example.org."], ("mail.example.org", "A"): ["192.0.2.1"]}
    ) as names:
        ran = run("mail", "check", "--nameserver", names.address, "--sends-from", "192.0.2.25")
    assert ran.code == 1
    assert 'example.org. TXT "v=spf1 ip4:192.0.2.25 ~all"' in ran.out
    assert '_dmarc.example.org. TXT "v=DMARC1; p=none; rua=mailto:postmaster@example.org"' in ran.out
    assert "4 to mend" in ran.out  # SPF, DKIM, DMARC, the reverse name


def test_a_name_server_in_trouble_is_not_taken_for_missing_records(relay: SmtpServer) -> None:
    """Exit 1 all the same: nothing is known, and that is what is said."""
    zone = dict.fromkeys(good_zone(), FAILURE)
    with DnsServer(zone) as names:
        ran = run("mail", "check", "--nameserver", names.address, "--json")
    assert ran.code == 1
    bad = {one["topic"]: one["level"] for one in ran.json["findings"] if one["level"] in ("wrong", "failed")}
    assert bad == {"spf": "failed", "dkim": "failed", "dmarc": "failed", "mx": "failed"}
    assert not [one for one in ran.json["findings"] if one["record"]]


def test_hostile_records_reach_the_terminal_as_one_harmless_line(relay: SmtpServer) -> None:
    """No control character of a stranger is printed."""
    zone = good_zone() | {
        ("example.org", "TXT"): ["v=spf1 \x1b[31mred\x07 ~all"],
        ("_dmarc.example.org", "TXT"): ["v=DMARC1; p=\x1b[2J"],
    }
    with DnsServer(zone) as names:
        ran = run("mail", "check", "--nameserver", names.address)
    assert ran.code == 1
    assert "\x1b" not in ran.out
    assert "\x07" not in ran.out


def test_a_maildir_has_nothing_to_check() -> None:
    """Exit 0, and no name server is needed."""
    configure()
    ran = run("mail", "check", "--nameserver", "127.0.0.1:1")
    assert (ran.code, "Nothing to check" in ran.out) == (0, True)
    assert run("mail", "check", "--json").json["nothing_to_check"]


def test_wrong_arguments_are_wrong_usage(relay: SmtpServer) -> None:
    """A name server by name, an address that is none."""
    assert run("mail", "check", "--nameserver", "dns.example.org").code == 2
    ran = run("mail", "check", "--nameserver", "127.0.0.1:1", "--sends-from", "relay")
    assert (ran.code, "no IP address" in ran.err) == (2, True)


def test_a_test_mail_says_what_the_server_answered(relay: SmtpServer) -> None:
    """And where to look if it does not come."""
    ran = run("mail", "test", "ada@example.com")
    assert ran.code == 0, ran.err
    assert "queued as 4ABC" in ran.out
    assert "spam folder" in ran.out
    assert [mail.recipient for mail in relay.mails] == ["<ada@example.com>"]
    assert run("mail", "test", "ada@example.com", "--json").json["sent"] is True


def test_a_test_mail_that_is_refused_says_so_in_a_sentence() -> None:
    """Exit 1, the server's words, and where to look next."""
    with SmtpServer({"RCPT": ["550 5.1.1 No such user"]}) as server:
        configure(smtp_url=f"smtp://127.0.0.1:{server.port}", mail_from="digest@example.org")
        ran = run("mail", "test", "ada@example.com")
        told = run("mail", "test", "ada@example.com", "--json")
    assert (ran.code, told.code, told.json["sent"]) == (1, 1, False)
    assert "No such user" in ran.err
    assert "mail check" in ran.err
    assert run("mail", "test", "nobody").code == 2
