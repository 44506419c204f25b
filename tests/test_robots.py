"""robots.txt: whose rules are ours, and what they cost."""

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.fetcher.robots import MAX_ROBOTS_BYTES, MAX_WILDCARDS, RobotsRules, our_rules


def allows(text: str | bytes, path: str = "/papers") -> bool:
    return RobotsRules(our_rules(text if isinstance(text, bytes) else text.encode())).allows(path)


# --- whose rules are ours -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("", True),
        ("User-agent: *\nDisallow: /papers", False),
        ("User-agent: *\nDisallow:", True),
        ("User-agent: *\nDisallow: /\nAllow: /papers", True),
        ("User-agent: *\nDisallow: /*.pdf$", True),
        ("User-agent: *\nDisallow: /pap*s$", False),
        ("User-agent: paper-digest\nDisallow: /", False),
        ("user-agent: Paper-Digest/2.0 # us\ndisallow: /", False),
        ("User-agent: paper\nDisallow: /", True),
        ("User-agent: paper-digest-two\nDisallow: /", True),
        ("User-agent: other\nDisallow: /", True),
        ("User-agent: other\nUser-agent: *\nDisallow: /", False),
        ("User-agent: *\nUser-agent: other\nDisallow: /", False),
        ("User-agent: *\nSitemap: https://example.org/s.xml\nUser-agent: other\nDisallow: /", False),
        ("User-agent: *\nAllow: /x\nUser-agent: other\nDisallow: /", True),
        ("User-agent: *\nDisallow: /\n\nUser-agent: paper-digest\nAllow: /", True),
        ("User-agent: paper-digest\nCrawl-delay: 1\n\nUser-agent: *\nDisallow: /", True),
        ("User-agent: *\nDisallow: /a\nUser-agent: x\nAllow: /\nUser-agent: *\nDisallow: /papers", False),
        ("User-agent: *\r\rDisallow: /papers", False),
        ("\ufeffUser-agent: *\nDisallow: /papers", False),
        ("User-agent: *\nDisallow: /papers # not yet", False),
        ("User-agent: *\n# Disallow: /papers", True),
        ("User agent *\nDisallow /papers", False),
        ("Disallow: /papers", True),
        ("<html><body>Disallow: /papers</body></html>", True),
        ("User-agent: *\nDis\0allow: /papers", False),
        ("User-agent: *\nDisallow: /" + "p" * 5000, True),
    ],
)
def test_the_group_that_is_ours_is_obeyed(text: str, allowed: bool) -> None:
    """RFC 9309, 2.2.1: by the product token, case ignored, else ``*``; groups of one name are one."""
    assert allows(text) is allowed


def test_a_path_with_two_slashes_is_a_path() -> None:
    """It is not read as a host."""
    assert not allows("User-agent: *\nDisallow: //x/", "//x/papers")
    assert allows("User-agent: *\nDisallow: /papers", "//x/papers")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("5", 5.0), ("0.5", 0.5), ("9999999", 60.0), ("-1", 0.0), ("nan", 0.0), ("inf", 0.0), ("soon", 0.0)],
)
def test_a_crawl_delay_is_clamped(value: str, seconds: float) -> None:
    """To a minute; nonsense is none."""
    assert RobotsRules(our_rules(f"User-agent: *\nCrawl-delay: {value}".encode())).crawl_delay_s() == seconds


def test_only_the_first_500_kib_count_and_no_half_line() -> None:
    """RFC 9309, 2.5: a rule cut in two would forbid more than it says."""
    head = b"User-agent: *\n"
    filler = b"#" * (MAX_ROBOTS_BYTES - len(head) - len(b"\nDisallow: /pa"))
    assert allows(head + filler + b"\nDisallow: /papers/secret\n", "/papers")
    assert not allows(head + filler[:-20] + b"\nDisallow: /papers\n", "/papers")


HOSTILE: dict[str, bytes] = {
    "rules": b"User-agent: *\n" + b"".join(b"Disallow:/%x\n" % n for n in range(100_000)),
    "wildcards": b"User-agent: *\n" + b"".join(b"Disallow:/*%x*$\n" % n for n in range(100_000)),
    "agents times rules": b"".join(b"User-agent:%x\n" % n for n in range(15_000)) + b"Allow:/a\n" * 30_000,
    "our name again and again": b"User-agent: paper-digest\nDisallow: /x\n" * 20_000,
    "one agent, many spellings": b"".join(b"User-agent: paper-digest/%x\n" % n for n in range(20_000)),
    "stars in one line": b"User-agent: *\nDisallow: /" + b"*a" * 500_000,
    "stars in all lines": b"User-agent: *\n" + (b"Disallow: /" + b"*a" * 1900 + b"*b\n") * 300,
    "nearly matching": b"User-agent: *\n" + (b"Disallow: /*" + b"a" * 48 + b"b" + b"a" * 48 + b"\n") * 9000,
    "percent signs": b"User-agent: *\nDisallow: /" + b"%zz" * 500_000,
    "dollars": b"User-agent: *\n" + (b"Disallow: /" + b"$" * 4000 + b"\n") * 200,
    "junk": bytes(range(256)) * 4096,
    "spaces": b"User" + b" " * 1_000_000 + b"agent: *",
    "colons": b":" * 1_000_000,
    "line breaks": "\u2028".encode() * 300_000,
    "carriage returns": b"\r" * 1_000_000,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_fault_15_hostile_rules_cost_little(case: str) -> None:
    """Fault 15: a megabyte of anything is read and held against a long path in bounded time and memory."""
    body = HOSTILE[case]
    path = "/" + "a" * 7900
    started = time.process_time()
    rules = RobotsRules(our_rules(body))
    rules.allows(path)
    rules.crawl_delay_s()
    assert time.process_time() - started < 3  # about a second alone on the slowest of them
    tracemalloc.start()
    try:
        RobotsRules(our_rules(body)).allows("/papers")
        assert tracemalloc.get_traced_memory()[1] < 32 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_wildcards_beyond_ten_thousand_are_left_out() -> None:
    """Nobody who means it has that many; plain rules are all read, since a real site has 19,000."""
    for rule, kept in (("Disallow: /%d*x", MAX_WILDCARDS), ("Disallow: /%d", 19_000)):
        lines = "\n".join(rule % number for number in range(19_000))
        assert our_rules(f"User-agent: *\n{lines}".encode()).count("\n") == kept


LINES = st.lists(
    st.one_of(
        st.sampled_from(["User-agent: *", "User-agent: paper-digest", "User-agent: x", "Sitemap: y", ""]),
        st.text(alphabet="/*$%aA2?#: \t\x00\x85é", max_size=12).map(lambda path: f"Disallow: {path}"),
        st.text(alphabet="/*$%aA2?#: ", max_size=12).map(lambda path: f"Allow: {path}"),
        st.text(max_size=20),
    ),
    max_size=12,
).map("\n".join)


@given(text=LINES, path=st.text(alphabet="/*$%aA2?=é", max_size=12))
def test_any_text_is_read(text: str, path: str) -> None:
    """Nothing is raised, and what was written out reads the same again."""
    written = our_rules(text.encode())
    rules = RobotsRules(written)
    assert rules.allows(f"/{path}") is RobotsRules(our_rules(written.encode())).allows(f"/{path}")
    assert 0 <= rules.crawl_delay_s() <= 60


@given(st.binary(max_size=200))
def test_any_bytes_are_read(body: bytes) -> None:
    """In no encoding at all."""
    text = our_rules(body)
    assert "\0" not in text
    text.encode()  # no lone surrogates: PostgreSQL takes neither
