"""What the records of a domain are worth, held against a name system of our own."""

import base64
from collections.abc import Mapping, Sequence

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from digest.domains import (
    Answer,
    DnsResolver,
    Finding,
    Kind,
    Level,
    Relay,
    check_alignment,
    check_dkim,
    check_dmarc,
    check_mx,
    check_reverse,
    check_spf,
    find_policy,
    find_provider,
    judge_address,
    parse_dmarc,
    parse_key,
    parse_spf,
    read_tree,
)
from digest.errors import UsageError
from tests.dns_server import FAILURE, SILENCE, DnsServer

Zone = Mapping[tuple[str, str], Sequence[str] | None]

OWN = Relay("relay.example.org", addresses=("192.0.2.25",))
UNKNOWN = Relay("127.0.0.1", why_unknown="it is on this machine")


class FakeNames:
    """A resolver that knows a dictionary; ``None`` there is a lookup that fails."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.asked: list[tuple[str, str]] = []

    def look_up(self, name: str, kind: Kind) -> Answer:
        self.asked.append((name, kind))
        if (name, kind) in self.zone:
            values = self.zone[name, kind]
            return Answer("failed", why="SERVFAIL") if values is None else Answer("found", tuple(values))
        known = any(one == name or one.endswith(f".{name}") for one, _ in self.zone)
        return Answer("no_data" if known else "no_name")


def spf(zone: Zone, relay: Relay = OWN) -> list[Finding]:
    return check_spf("example.org", FakeNames(zone), relay)


def levels(findings: Sequence[Finding]) -> list[str]:
    return [str(finding.level) for finding in findings]


def txt(*texts: str, name: str = "example.org") -> dict[tuple[str, str], Sequence[str] | None]:
    return {(name, "TXT"): texts}


# --- SPF ---------------------------------------------------------------------------------------------


def test_a_missing_spf_record_comes_with_the_record_to_add() -> None:
    """Named by the relay's own address name, the provider's include, or the address the operator gave."""
    for relay, value in (
        (OWN, "v=spf1 a:relay.example.org ~all"),
        (Relay("smtp.gmail.com", find_provider("smtp.gmail.com")), "v=spf1 include:_spf.google.com ~all"),
        (
            Relay("127.0.0.1", sends_from=("192.0.2.1", "2001:db8::1")),
            "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 ~all",
        ),
        (UNKNOWN, "v=spf1 ip4:<the address your relay sends from> ~all"),
    ):
        (finding,) = spf(txt("google-site-verification=x"), relay)
        assert finding.level is Level.WRONG
        assert str(finding.record) == f'example.org. TXT "{value}"'


def test_what_could_not_be_looked_up_is_not_missing() -> None:
    """A failed lookup is told as one, at the domain itself and within an include."""
    (finding,) = spf({("example.org", "TXT"): None})
    assert (finding.level, "SERVFAIL" in finding.sentence) == (Level.FAILED, True)
    zone = txt("v=spf1 include:a.example ~all") | {("a.example", "TXT"): None}
    findings = spf(zone, Relay("h", sends_from=("192.0.2.1",)))
    assert set(levels(findings)) == {"failed"}


def test_two_records_are_an_error() -> None:
    """Receivers then use neither (4.5)."""
    (finding,) = spf(txt("v=spf1 a ~all", "v=spf1 mx ~all"))
    assert finding.level is Level.WRONG
    assert "2 SPF records" in finding.sentence


@pytest.mark.parametrize(
    "word",
    [
        "ipv4:192.0.2.1",
        "ip4:192.0.2.300",
        "ip4:2001:db8::1",
        "a:",
        "all:x",
        "include",
        "a/33",
        "mx//200",
        "-",
    ],
)
def test_a_term_that_is_none_is_named(word: str) -> None:
    """A typo makes the whole record an error."""
    faults = [one for one in spf(txt(f"v=spf1 {word} ~all")) if one.is_bad]
    assert any(word in one.sentence for one in faults)


def test_every_term_of_the_grammar_is_read() -> None:
    """Qualifiers, prefix lengths, letters of any case, unknown modifiers."""
    record = parse_spf(
        "v=spf1 +A:a.example/24//64 -mx  ?Include:b.example ip6:2001:db8::/32 x-y=z exp=e.example ~ALL"
    )
    assert record.faults == ()
    assert [(one.qualifier, one.name, one.value) for one in record.terms] == [
        ("+", "a", "a.example"),
        ("-", "mx", ""),
        ("?", "include", "b.example"),
        ("+", "ip6", ""),
        ("~", "all", ""),
    ]
    assert record.terms[0].lengths == (24, 64)


@given(st.text(max_size=200))
def test_no_record_raises(text: str) -> None:
    """Whatever strangers publish is read, or told as a fault."""
    parse_spf("v=spf1 " + text)
    parse_key(text)
    parse_key("v=DKIM1; p=" + text)
    parse_dmarc("v=DMARC1;" + text)


def chain(length: int) -> dict[tuple[str, str], Sequence[str] | None]:
    """A record whose includes go so many deep."""
    zone = txt("v=spf1 include:d1.example ~all")
    for number in range(1, length + 1):
        deeper = f"include:d{number + 1}.example" if number < length else "ip4:192.0.2.0/24"
        zone |= txt(f"v=spf1 {deeper} -all", name=f"d{number}.example")
    return zone


def test_lookups_are_counted_through_includes() -> None:
    """Ten are allowed, the eleventh is an error, whose number is told."""
    assert "wrong" not in levels(spf(chain(10)))
    (finding,) = spf(chain(11))
    assert "takes 11 lookups" in finding.sentence


def test_a_redirect_counts_and_is_followed_unless_there_is_an_all() -> None:
    """Redirect and include, a and mx, exists and ptr: one each; ip4 is free."""
    zone = txt("v=spf1 a mx ptr exists:%{i}.x.example ip4:192.0.2.9 redirect=r.example")
    zone |= txt("v=spf1 ip4:192.0.2.25 -all", name="r.example")
    zone |= {
        ("example.org", "A"): ["192.0.2.7"],
        ("example.org", "MX"): ["10 m.example"],
        ("m.example", "A"): ["192.0.2.8"],
    }
    tree = read_tree("example.org", FakeNames(zone))
    assert (tree.lookups, tree.faults, sorted(tree.untold)) == (5, [], ["exists:%{i}.x.example", "ptr"])
    for address, verdict in (
        ("192.0.2.7", "pass"),
        ("192.0.2.8", "pass"),
        ("192.0.2.25", "pass"),
        ("192.0.2.99", "fail"),
    ):
        assert judge_address(tree.root, address) == verdict
    stopped = read_tree("example.org", FakeNames(txt("v=spf1 -all redirect=r.example")))
    assert (stopped.lookups, judge_address(stopped.root, "192.0.2.25")) == (0, "fail")


def test_a_loop_ends() -> None:
    """A record that includes itself is an error, not an endless walk."""
    names = FakeNames(txt("v=spf1 include:example.org ~all"))
    assert any("leads back to itself" in one.sentence for one in check_spf("example.org", names, OWN))
    assert len(names.asked) < 5
    wide = txt("v=spf1 " + " ".join(f"a:h{number}.example" for number in range(500)) + " ~all")
    names = FakeNames(wide)
    assert levels(check_spf("example.org", names, OWN)).count("wrong") >= 1
    assert len(names.asked) < 100


def test_an_include_without_a_record_and_names_that_are_gone_are_errors() -> None:
    """The first is an error at once, of the others two are allowed."""
    assert any("no SPF record" in one.sentence for one in spf(txt("v=spf1 include:gone.example ~all")))
    gone = txt("v=spf1 a:g1.example a:g2.example mx:g3.example ~all")
    assert any("3 things that do not exist" in one.sentence for one in spf(gone))
    assert "wrong" not in levels(spf(txt("v=spf1 a:g1.example a:g2.example ~all")))


@pytest.mark.parametrize(
    ("ending", "level"),
    [("+all", "wrong"), ("all", "wrong"), ("?all", "note"), ("", "note"), ("~all", ""), ("-all", "")],
)
def test_how_a_record_ends(ending: str, level: str) -> None:
    """Letting everybody in is wrong, saying nothing of others worth a word."""
    findings = spf(txt(f"v=spf1 ip4:192.0.2.25 {ending}"))
    assert [one for one in levels(findings) if one != "well"] == ([level] if level else [])


def test_whether_the_relay_is_covered_is_told_only_where_it_can_be() -> None:
    """Named addresses and providers are decided; a relay's own address can prove it, but not disprove it."""
    record = txt("v=spf1 ip4:192.0.2.0/28 include:_spf.google.com ~all")
    record |= txt("v=spf1 ip4:198.51.100.0/24 ~all", name="_spf.google.com")
    google, fastmail = (Relay(host, find_provider(host)) for host in ("smtp.gmail.com", "smtp.fastmail.com"))
    assert levels(spf(record, Relay("h", addresses=("192.0.2.3",)))) == ["well", "well"]
    assert levels(spf(record, OWN)) == ["well", "open"]
    assert levels(spf(record, UNKNOWN)) == ["well", "open"]
    assert levels(spf(record, google)) == ["well", "well"]
    assert levels(spf(record, fastmail)) == ["well", "wrong"]
    assert levels(spf(record, Relay("h", sends_from=("198.51.100.9", "203.0.113.1")))) == [
        "well",
        "well",
        "wrong",
    ]
    assert levels(spf(txt("v=spf1 exists:%{i}.e.example -all"), Relay("h", sends_from=("192.0.2.1",)))) == [
        "well",
        "open",
    ]


def test_an_address_is_judged_as_a_receiver_would() -> None:
    """In order, an include counting only where it passes, and its error being ours."""
    zone = txt("v=spf1 -ip4:192.0.2.1 ?include:i.example ip4:192.0.2.0/24 ip6:2001:db8::/32 ~all")
    zone |= txt("v=spf1 -ip4:192.0.2.5 ip4:192.0.2.4/31 -all", name="i.example")
    root = read_tree("example.org", FakeNames(zone)).root
    expected = {
        "192.0.2.1": "fail",
        "192.0.2.4": "neutral",
        "192.0.2.5": "pass",
        "2001:db8::9": "pass",
        "203.0.113.1": "softfail",
    }
    assert {address: judge_address(root, address) for address in expected} == expected
    away = FakeNames(txt("v=spf1 include:away.example ~all") | {("away.example", "TXT"): None})
    assert judge_address(read_tree("example.org", away).root, "192.0.2.1") == "temperror"
    broken = read_tree("example.org", FakeNames(txt("v=spf1 include:none.example ~all")))
    assert judge_address(broken.root, "192.0.2.1") == "permerror"


# --- DKIM --------------------------------------------------------------------------------------------


def rsa_key(bits: int, *, bare: bool = False) -> str:
    public = rsa.generate_private_key(65537, bits).public_key()
    form = serialization.PublicFormat.PKCS1 if bare else serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(public.public_bytes(serialization.Encoding.DER, form)).decode()


KEY = rsa_key(2048)


def test_the_length_of_an_rsa_key_is_read_from_either_form() -> None:
    """As SubjectPublicKeyInfo, which is usual, and as the bare key."""
    assert parse_key(f"v=DKIM1; k=rsa; p={KEY}").bits == 2048
    assert parse_key(f"v=DKIM1; p={rsa_key(1024)}").bits == 1024
    assert parse_key(f"p={rsa_key(1536, bare=True)}").bits == 1536
    assert parse_key(f"v=DKIM1; p={KEY[:100]} {KEY[100:]}").bits == 2048
    assert parse_key(f"v=DKIM1; p={KEY[:200]}").fault


def test_an_ed25519_key_is_32_bytes() -> None:
    """The raw key, without a wrapping."""
    key = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    text = base64.b64encode(key).decode()
    assert parse_key(f"v=DKIM1; k=ed25519; p={text}").fault == ""
    assert parse_key(f"v=DKIM1; k=ed25519; p={KEY}").fault


@pytest.mark.parametrize(
    ("text", "level", "words"),
    [
        ("v=DKIM1; k=rsa; p=", "wrong", "revoked"),
        ("v=DKIM1; k=rsa", "wrong", "holds no key"),
        ("v=DKIM1; p=???", "wrong", "not base64"),
        ("v=DKIM1; p=AAAA", "wrong", "no RSA key"),
        ("v=DKIM2; p=AAAA", "wrong", "v=DKIM1"),
        ("k=rsa; v=DKIM1; p=AAAA", "wrong", "begin with v=DKIM1"),
        ("v=DKIM1; k=dsa; p=AAAA", "wrong", "no kind of key"),
        ("v=DKIM1; s=tlsrpt; p=AAAA", "wrong", "not for mail"),
        ("v=DKIM1; p=AAAA; p=AAAA", "wrong", "twice"),
        (f"v=DKIM1; t=y:s; p={KEY}", "note", "t=y"),
        (f"v=DKIM1; p={KEY}", "well", "2048 bits"),
        (f"v=DKIM1; p={rsa_key(1024)}", "note", "1024 bits"),
    ],
)
def test_a_key_is_judged(text: str, level: str, words: str) -> None:
    """With the configured selector; that mail is signed is left to a test."""
    names = FakeNames(txt(text, name="sel._domainkey.example.org"))
    first, last = check_dkim("example.org", names, OWN, "sel")
    assert (str(first.level), words in first.sentence) == (level, True)
    assert last.level is Level.OPEN
    assert names.asked == [("sel._domainkey.example.org", "TXT")]


def test_a_key_that_is_too_short_is_wrong() -> None:
    """Receivers take none below 1024 bits (RFC 8301). One of 768 is fixed here: none are made any more."""
    modulus = ((1 << 767) | 1).to_bytes(97, "big")
    numbers = b"\x02\x61" + modulus + b"\x02\x03\x01\x00\x01"
    der = b"\x30" + len(numbers).to_bytes(1, "big") + numbers
    names = FakeNames(txt(f"v=DKIM1; p={base64.b64encode(der).decode()}", name="sel._domainkey.example.org"))
    assert levels(check_dkim("example.org", names, OWN, "sel")) == ["wrong", "open"]


def test_without_a_selector_the_usual_ones_are_tried() -> None:
    """The provider's own where it is known; finding none asks for the setting."""
    fastmail = Relay("smtp.fastmail.com", find_provider("smtp.fastmail.com"))
    names = FakeNames(txt(f"v=DKIM1; p={KEY}", name="fm2._domainkey.example.org"))
    assert levels(check_dkim("example.org", names, fastmail, None)) == ["well", "open"]
    assert [name for name, _ in names.asked] == [f"fm{number}._domainkey.example.org" for number in (1, 2, 3)]
    (finding,) = check_dkim("example.org", FakeNames({}), OWN, None)
    assert finding.level is Level.WRONG
    assert "dkim_selector" in finding.mend
    (named,) = check_dkim("example.org", FakeNames({}), OWN, "sel")
    assert named.record is not None
    assert named.record.name == "sel._domainkey.example.org"


def test_a_key_that_cannot_be_looked_up_or_is_there_twice() -> None:
    """The first is unknown, the second wrong."""
    name = "sel._domainkey.example.org"
    assert levels(check_dkim("example.org", FakeNames({(name, "TXT"): None}), OWN, "sel")) == ["failed"]
    twice = FakeNames(txt(f"p={KEY}", f"p={KEY}", name=name))
    assert "several times" in check_dkim("example.org", twice, OWN, "sel")[0].sentence


def test_a_key_of_the_organisation_serves_its_subdomain() -> None:
    """Where the parent is handed in, its keys are looked for second."""
    names = FakeNames(txt(f"v=DKIM1; p={KEY}", name="sel._domainkey.example.org"))
    found = check_dkim("news.example.org", names, OWN, "sel", ("example.org",))
    assert {finding.domain for finding in found} == {"example.org"}


# --- DMARC -------------------------------------------------------------------------------------------


def dmarc(text: str, name: str = "example.org") -> dict[tuple[str, str], Sequence[str] | None]:
    return txt(text, name=f"_dmarc.{name}")


def test_a_missing_dmarc_record_comes_with_one_to_add() -> None:
    """One that is enough to be let in; texts of other kinds do not count."""
    (finding,) = check_dmarc(find_policy("example.org", FakeNames(dmarc("v=spf1 -all"))))
    assert finding.level is Level.WRONG
    assert (
        str(finding.record) == '_dmarc.example.org. TXT "v=DMARC1; p=none; rua=mailto:postmaster@example.org"'
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v=DMARC1; p=reject; rua=mailto:d@example.org", ["well"]),
        ("v=DMARC1; p=none; rua=mailto:d@example.org", ["note"]),
        ("v=DMARC1; p=quarantine; pct=20; rua=mailto:d@example.org", ["well", "note"]),
        ("v=DMARC1; p=reject", ["well", "note"]),
        ("v=DMARC1; p=rejct", ["wrong"]),
        ("v=DMARC1; rua=mailto:d@example.org", ["wrong"]),
        ("v=DMARC1; p=none; pct=120", ["wrong"]),
        ("v=DMARC1; p=none; adkim=x", ["wrong"]),
        ("v=DMARC1; p=none, rua=x; nonsense", ["wrong", "wrong"]),
    ],
)
def test_a_dmarc_record_is_judged(text: str, expected: list[str]) -> None:
    """Its policy, share, reports and grammar."""
    assert levels(check_dmarc(find_policy("example.org", FakeNames(dmarc(text))))) == expected


def test_two_dmarc_records_or_an_unknown_one() -> None:
    """Two count as none; one that could not be looked up is not missing."""
    two = FakeNames(txt("v=DMARC1; p=none", "v=DMARC1; p=reject", name="_dmarc.example.org"))
    assert levels(check_dmarc(find_policy("example.org", two))) == ["wrong"]
    unknown = FakeNames({("_dmarc.example.org", "TXT"): None})
    assert levels(check_dmarc(find_policy("example.org", unknown))) == ["failed"]


def test_a_parents_record_holds_for_what_is_below() -> None:
    """With sp= where it has one; found by walking up, the top itself left out, eight names at most."""
    names = FakeNames(dmarc("v=DMARC1; p=reject; sp=none; rua=mailto:d@example.org"))
    policy = find_policy("news.mail.example.org", names)
    assert (policy.found_at, policy.organisation) == ("example.org", "example.org")
    (finding,) = check_dmarc(policy)
    assert "sp=none" in finding.sentence
    assert [name for name, _ in names.asked] == [
        "_dmarc.news.mail.example.org",
        "_dmarc.mail.example.org",
        "_dmarc.example.org",
    ]
    long = FakeNames({})
    find_policy(".".join("abcdefghijklmnop") + ".example.org", long)
    assert len(long.asked) == 8


def test_a_public_suffix_is_no_organisation() -> None:
    """A registry's own record (psd=y) makes nobody below it belong together."""
    zone = dmarc("v=DMARC1; p=none; psd=y", "city.example") | dmarc("v=DMARC1; p=reject", "a.city.example")
    policy = find_policy("news.a.city.example", FakeNames(zone))
    assert policy.organisation == "a.city.example"


def test_spf_counts_for_dmarc_where_the_domains_align() -> None:
    """The same domain always; others of one organisation unless aspf=s; strangers never."""
    relaxed = dmarc("v=DMARC1; p=reject; rua=mailto:d@example.org")
    strict = dmarc("v=DMARC1; p=reject; aspf=s; rua=mailto:d@example.org")

    def aligned(zone: Zone, sender: str, envelope: str) -> Finding:
        names = FakeNames(zone)
        return check_alignment(find_policy(sender, names), find_policy(envelope, names))

    assert aligned(strict, "example.org", "example.org").level is Level.WELL
    assert aligned(relaxed, "example.org", "bounces.example.org").level is Level.WELL
    assert aligned(strict, "example.org", "bounces.example.org").level is Level.NOTE
    assert "DKIM alone" in aligned(relaxed, "example.org", "example.net").sentence
    assert (
        aligned(relaxed | {("_dmarc.example.net", "TXT"): None}, "example.org", "example.net").level
        is Level.FAILED
    )


# --- MX and reverse names ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "level"),
    [
        ({("example.org", "MX"): ["10 m.example"], ("m.example", "AAAA"): ["2001:db8::1"]}, "well"),
        ({("example.org", "MX"): ["10 m.example"]}, "wrong"),
        ({("example.org", "MX"): ["10 m.example"], ("m.example", "A"): None}, "failed"),
        ({("example.org", "MX"): ["0 "]}, "wrong"),
        ({("example.org", "A"): ["192.0.2.1"]}, "note"),
        ({("example.org", "TXT"): ["x"]}, "wrong"),
        ({}, "wrong"),
        ({("example.org", "MX"): None}, "failed"),
        ({("example.org", "TXT"): ["x"], ("example.org", "A"): None}, "failed"),
    ],
)
def test_whether_bounces_come_back(zone: Zone, level: str) -> None:
    """By MX, by the domain's own address, or not at all; a null MX takes nothing."""
    assert levels(check_mx("example.org", FakeNames(zone), "bounces")) == [level]


def test_a_null_mx_is_told_as_what_it_says() -> None:
    """The domain takes no mail (RFC 7505), which is another thing than a server that is gone."""
    (finding,) = check_mx("example.org", FakeNames({("example.org", "MX"): ["0 "]}), "bounces")
    assert "takes no mail at all" in finding.sentence


def test_a_reverse_name_must_lead_back() -> None:
    """None, one that leads elsewhere, one that does, and one that cannot be looked up."""
    pointer = "25.2.0.192.in-addr.arpa"

    def level(zone: Zone) -> str:
        return str(check_reverse("192.0.2.25", FakeNames(zone), pointer, "example.org").level)

    named = {(pointer, "PTR"): ["relay.example.org"]}
    assert level({}) == "wrong"
    assert level(named) == "wrong"
    assert level({**named, ("relay.example.org", "A"): ["192.0.2.25"]}) == "well"
    assert level({**named, ("relay.example.org", "A"): None}) == "failed"
    assert level({(pointer, "PTR"): None}) == "failed"


# --- asking the name system --------------------------------------------------------------------------


def test_answers_of_a_real_name_server_are_told_apart() -> None:
    """Found, no such name, no such record, SERVFAIL; long texts joined; each question asked once."""
    long = "v=DKIM1; p=" + "A" * 400
    zone = {
        ("example.org", "TXT"): [long, 'say "hi"'],
        ("example.org", "MX"): ["10 mail.example.org."],
        ("mail.example.org", "A"): ["192.0.2.25"],
        ("25.2.0.192.in-addr.arpa", "PTR"): ["mail.example.org."],
        ("null.example", "MX"): ["0 ."],
        ("broken.example", "TXT"): FAILURE,
    }
    with DnsServer(zone) as server:
        names = DnsResolver(server.address)
        assert set(names.look_up("Example.ORG.", "TXT").values) == {long, 'say "hi"'}
        assert names.look_up("example.org", "MX").values == ("10 mail.example.org",)
        assert names.look_up("mail.example.org", "A").values == ("192.0.2.25",)
        assert names.look_up("25.2.0.192.in-addr.arpa", "PTR").values == ("mail.example.org",)
        assert levels(check_mx("null.example", names, "bounces")) == ["wrong"]
        assert names.look_up("example.org", "AAAA").state == "no_data"
        assert names.look_up("gone.example", "TXT").state == "no_name"
        failed = names.look_up("broken.example", "TXT")
        assert (failed.state, "SERVFAIL" in failed.why) == ("failed", True)
        assert names.look_up("a..b", "TXT").failed
        asked = len(server.asked)
        names.look_up("example.org", "txt".upper())  # type: ignore[arg-type]
        assert len(server.asked) == asked


def test_a_silent_name_server_is_not_waited_for_again_and_again() -> None:
    """After three questions without an answer the rest is not asked."""
    zone = {(f"{letter}.example", "TXT"): SILENCE for letter in "abcdef"}
    with DnsServer(zone) as server:
        names = DnsResolver(server.address, timeout_s=0.2)
        answers = [names.look_up(f"{letter}.example", "TXT") for letter in "abcdef"]
        asked = {name for name, _ in server.asked}
    assert all(answer.failed for answer in answers)
    assert "in time" in answers[0].why
    assert asked == {"a.example", "b.example", "c.example"}


def test_a_name_server_that_is_none_is_a_wrong_usage() -> None:
    """Addresses only, so that asking needs no asking."""
    for text in ("dns.example.org", "127.0.0.1:dns", ""):
        with pytest.raises(UsageError, match="name server"):
            DnsResolver(text)
    DnsResolver("2001:db8::53")
    DnsResolver("[::1]:5353")
