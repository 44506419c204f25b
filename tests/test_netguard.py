"""Which addresses may be reached. Numbers in names are those of the list of known faults."""

import ipaddress
import re
import string
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import digest
from digest.errors import FetchError
from digest.netguard import (
    AddressKind,
    Target,
    address_kind,
    check_address,
    join_target,
    parse_target,
    resolve,
    system_resolver,
)
from digest.types import Verdict

PUBLIC = [
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.0",
    "172.32.0.1",
    "198.20.0.1",
    "2606:4700::1111",
    "2a00::1",
]
PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.1.1",
    "100.64.0.1",
    "100.127.255.255",
    "198.18.0.1",
    "::",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::8.8.8.8",
    "64:ff9b::127.0.0.1",
]
NEVER = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::7f00:1",
    "0.1.2.3",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "192.88.99.1",
    "203.0.113.5",
    "2002:7f00:1::",
    "2001::7f00:1",
    "2001:db8::1",
    "3fff::1",
    "ff02::1",
    "::127.0.0.1",
    "100::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_reached(address: str) -> None:
    """Neighbours of the refused blocks stay open."""
    assert check_address(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_faults_1_and_3_private_addresses_are_private(address: str) -> None:
    """Literals of either family, CGNAT, wrapped IPv4, NAT64."""
    assert address_kind(address) is AddressKind.PRIVATE
    assert not check_address(address)


@pytest.mark.parametrize("address", NEVER)
def test_fault_1_some_addresses_are_for_no_source(address: str) -> None:
    """Metadata services stay shut even for a source that may be on a private network."""
    assert address_kind(address) is AddressKind.NEVER
    with pytest.raises(FetchError) as caught:
        resolve("papers.example.org", 80, allow_private=True, resolver=lambda *_: [address])
    assert caught.value.verdict is Verdict.UNREACHABLE


@given(st.ip_addresses())
def test_public_is_never_more_than_what_python_calls_global(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """Our table is a narrowing of the standard one, wherever that can be trusted."""
    if check_address(address):
        assert address.is_global
        assert not address.is_multicast


def test_plain_urls_are_read_into_parts() -> None:
    """Scheme and host in lower case, default port, path with query, no fragment."""
    target = parse_target("HTTPS://Papers.Example.ORG/a/b?date=2026-03-11&q=a%20b#top")
    assert target == Target("https", "papers.example.org", 443, "/a/b?date=2026-03-11&q=a%20b")
    assert target.url == "https://papers.example.org/a/b?date=2026-03-11&q=a%20b"


@pytest.mark.parametrize(
    ("url", "host", "netloc", "path"),
    [
        ("http://example.org", "example.org", "example.org", "/"),
        ("http://example.org?a", "example.org", "example.org", "/?a"),
        ("http://example.org:/", "example.org", "example.org", "/"),
        ("http://example.org:8080/", "example.org", "example.org:8080", "/"),
        ("http://example.org./", "example.org", "example.org", "/"),
        ("http://[2606:4700:0:0::1111]:81/x", "2606:4700::1111", "[2606:4700::1111]:81", "/x"),
        ("http://bücher.example/ä", "xn--bcher-kva.example", "xn--bcher-kva.example", "/%C3%A4"),
        ("http://１２７.０.０.１/", "127.0.0.1", "127.0.0.1", "/"),
        ("http://127。0。0。1/", "127.0.0.1", "127.0.0.1", "/"),
        ("http://example.org/a/./b/../c?d=/../e", "example.org", "example.org", "/a/c?d=/../e"),
        ("http://example.org/../a/b/..", "example.org", "example.org", "/a/"),
        ('http://example.org/"<a>', "example.org", "example.org", "/%22%3Ca%3E"),
    ],
)
def test_hosts_have_one_form(url: str, host: str, netloc: str, path: str) -> None:
    """What is checked is what is connected to and what stands in the Host header."""
    target = parse_target(url)
    assert (target.host, target.netloc, target.path) == (host, netloc, path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "//example.org/",
        "/papers",
        "file:///etc/passwd",  # faults 9 and 10
        "ftp://example.org/",
        "gopher://example.org/",
        "data:text/html,x",
        "javascript://example.org/%0Aalert(1)",
        "source:file:///etc/passwd",
        "http:///papers",
        "http:example.org",
        "http://user@example.org/",
        "http://user:word@example.org/",
        "http://10.0.0.1:8888\\@example.org/",  # fault 2
        "http://example.org\\.evil.example/",
        "http://example.org/\r\nX: y",
        "http://exa\tmple.org/",
        "http://example.org /",
        "http://example.org/\u2028",
        "http://example.org/\ud800",
        "http://example.org:0/",
        "http://example.org:65536/",
        "http://example.org:８０/",
        "http://example.org:80:80/",
        "http://exa%6dple.org/",
        "http://exam_ple!.org/",
        "http://-example.org/",
        "http://.example.org/",
        "http://a..b/",
        "http://../",
        "http://" + "a" * 64 + ".org/",
        "http://" + "ä" * 5000 + ".org/",
        "http://" + "a" * 9000,
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://127.1/",
        "http://0177.0.0.1/",
        "http://127.0.0.01/",
        "http://1.2.3.4.5/",
        "http://256.0.0.1/",
        "http://[::1/",
        "http://::1/",
        "http://[fe80::1%25eth0]/",
        "http://[1.2.3.4]/",
    ],
)
def test_faults_2_4_9_and_10_doubtful_urls_are_refused(url: str) -> None:
    """What two parsers could read differently is not read at all."""
    with pytest.raises(FetchError) as caught:
        parse_target(url)
    assert caught.value.verdict is Verdict.BROKEN


@given(st.text(alphabet=string.printable + "äß\u2028\ud800@[]\\:/?#%。", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing else than FetchError, and what was read reads the same again."""
    try:
        target = parse_target("http://" + text)
    except FetchError:
        return
    assert parse_target(target.url) == target
    assert "@" not in target.netloc


def test_fault_52_messages_do_not_repeat_the_url() -> None:
    """A password in a URL does not reach a log through an error."""
    with pytest.raises(FetchError, match="user name") as caught:
        parse_target("http://ada:hunter2@example.org/")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/other", "https://example.org/other"),
        ("next?p=2", "https://example.org/papers/next?p=2"),
        ("?p=2", "https://example.org/papers/today?p=2"),
        ("//mirror.example/x", "https://mirror.example/x"),
        ("http://example.org/", "http://example.org/"),
    ],
)
def test_a_location_may_be_relative(location: str, url: str) -> None:
    """As RFC 3986 says; the result is read by the same parser."""
    assert join_target(parse_target("https://example.org/papers/today"), location).url == url


@pytest.mark.parametrize(
    "location", ["\\\\evil.example", "/\\evil.example", "file:/etc/passwd", "http://[", "a b"]
)
def test_faults_2_9_and_11_a_doubtful_location_is_refused(location: str) -> None:
    """As an address that a source has."""
    with pytest.raises(FetchError):
        join_target(parse_target("https://example.org/"), location)


def test_fault_5_only_public_addresses_of_a_mixed_answer_are_used() -> None:
    """A private address behind a public one is not tried when the public one fails."""
    found = resolve(
        "example.org",
        80,
        allow_private=False,
        resolver=lambda *_: ["10.0.0.1", "1.1.1.1", "::1", "2606:4700::1"],
    )
    assert found == ("1.1.1.1", "2606:4700::1")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "intranet"])
def test_private_hosts_need_permission(host: str) -> None:
    """Literals are never looked up; a name without a dot belongs to the local network."""

    def resolver(host: str, port: int) -> list[str]:
        assert host in ("localhost", "intranet")
        return ["127.0.0.1"]

    with pytest.raises(FetchError) as caught:
        resolve(host, 80, allow_private=False, resolver=resolver)
    assert caught.value.verdict is Verdict.UNREACHABLE
    assert "allow_private" in str(caught.value)
    assert resolve(host, 80, allow_private=True, resolver=resolver) in (("127.0.0.1",), ("::1",))


def test_a_name_without_a_dot_is_never_public() -> None:
    """Wherever the local search list leads it."""
    with pytest.raises(FetchError, match="private"):
        resolve("intranet", 80, allow_private=False, resolver=lambda *_: ["1.1.1.1"])


def test_the_system_knows_its_own_name() -> None:
    """Each address once, in text form."""
    found = list(system_resolver("localhost", 80))
    assert set(found) <= {"127.0.0.1", "::1"}
    assert len(found) == len(set(found)) > 0


def test_a_name_without_addresses_is_an_error() -> None:
    """An empty answer is a failed look-up, not permission."""
    with pytest.raises(OSError, match="no address"):
        resolve("example.org", 80, allow_private=False, resolver=lambda *_: [])


# --- who else might reach out -----------------------------------------------------------------------

# What opens connections by itself, and the rooms that may: the fetcher behind the guard; mail, mailboxes,
# name servers and the database, which are the operator's own and reached as configured; the demonstration's
# site, which listens on loopback; the systemd socket.
CLIENTS = re.compile(
    r"^\s*(?:import|from)\s+(aiohttp|ftplib|http\.client|httpx|httpcore|imaplib|pycurl|requests|smtplib|socket"
    r"|telnetlib|urllib\.request|urllib3|xmlrpc)\b",
    re.MULTILINE,
)
OWN_CONNECTIONS = {
    "httpx": {"fetcher"},
    "httpcore": {"fetcher"},
    "imaplib": {"mailbox"},
    "smtplib": {"mailer"},
}


def test_faults_6_7_and_8_every_client_is_behind_the_guard() -> None:
    """No second HTTP client: no room but the fetcher asks for an address that content or a reader gave."""
    package = Path(digest.__file__).parent
    found: dict[str, set[str]] = {}
    for file in package.rglob("*.py"):
        room = file.relative_to(package).parts[0].removesuffix(".py")
        for name in CLIENTS.findall(file.read_text(encoding="utf-8")):
            found.setdefault(name, set()).add(room)
    # A name is looked up with `socket`, and who says a host name; neither fetches anything.
    found.pop("socket", None)
    assert {name: rooms - OWN_CONNECTIONS.get(name, set()) for name, rooms in found.items()} == {
        name: set() for name in found
    }
    assert "fetcher" in found["httpx"]


def test_fault_20_an_address_of_any_length_is_refused_soon() -> None:
    """Longer than 8,000 characters is no address of a page."""
    started = time.process_time()
    for url in ("http://a/" + "a" * 1_000_000, "http://" + "a." * 500_000, "http://[" + ":" * 1_000_000):
        with pytest.raises(FetchError):
            parse_target(url)
        with pytest.raises(FetchError):
            join_target(parse_target("http://example.org/"), url)
    assert time.process_time() - started < 1
