"""What somebody sent who meant harm, and was answered by more than their request deserved."""

import base64
import gzip
import json
import time

import pytest

from digest.errors import UsageError
from digest.pipeline.own_words import read_own_words
from digest.pipeline.wishes import MAX_INTERESTS, MAX_WORDS
from digest.web.carried import pack, unpack
from tests.web_site import WebSite, demo_folder, site

__all__ = ["demo_folder", "site"]


def _packed(text: bytes) -> str:
    return base64.b64encode(gzip.compress(text, 9)).decode()


class TestCarriedPapers:
    """The hidden fields that hold a file's papers, which whoever sends them may have written."""

    @pytest.mark.parametrize(
        "text",
        [
            b"[" + b"{}," * 1_000_000 + b"{}]",
            b"[" * 3_000_000,
            (b"[" + b"{}," * 20_000 + b"{}]\n") * 50,
            b"\n" * 3_000_000,
        ],
        ids=["one line", "deep", "lines", "empty lines"],
    )
    def test_a_bomb_is_left_before_it_is_unpacked(self, text: bytes) -> None:
        """Thirty kilobytes made six hundred megabytes of objects, for anybody who asked for a preview."""
        import tracemalloc

        field = _packed(text)
        tracemalloc.start()
        try:
            assert unpack([field]) == ()
            assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize(
        "row", [[[1], "t", "a"], ["x", "t", "a"], [True, "t", "a"], [None, 1, {}], 5, {}]
    )
    def test_what_is_no_paper_is_left_out(self, site: WebSite, row: object) -> None:
        """A list for a number was a 500."""
        fields = {"action": "preview", "interests": "retrieval", "carried": _packed(json.dumps(row).encode())}
        assert unpack([fields["carried"]]) == ()
        assert site.client.post("/subscribe", data=fields).status_code == 200

    def test_papers_come_back_as_they_were_packed(self) -> None:
        papers = unpack(pack([{"paper_id": 7, "title": "A\nB é 😀", "abstract": ""}]))
        assert papers == ({"paper_id": 7, "title": "A\nB é 😀", "abstract": ""},)


@pytest.mark.parametrize(
    "text",
    ["x\n" * 19_000, ", ".join(f"k{n}" for n in range(5_000)), "no " + ", no ".join(map(str, range(4_000)))],
    ids=["lines of one name", "keywords", "unwanted"],
)
def test_own_words_take_no_minute(text: str) -> None:
    """Forty kilobytes of one short line kept a core for half a minute, in the search for free names."""
    assert len(text) < 40_000
    began = time.process_time()
    with pytest.raises(UsageError):
        read_own_words(text)
    assert time.process_time() - began < 0.5


def test_own_words_may_be_as_many_as_are_kept() -> None:
    """The bounds that end the reading early are those that counted before."""
    assert len(read_own_words("x\n" * MAX_INTERESTS)) == MAX_INTERESTS
    (one,) = read_own_words(", ".join(f"k{n}" for n in range(MAX_WORDS)))
    assert len(one.keywords) == MAX_WORDS
    with pytest.raises(UsageError, match="too long for one interest"):
        read_own_words(", ".join(f"k{n}" for n in range(MAX_WORDS + 1)))


def test_a_form_in_an_odd_encoding_breaks_nothing(site: WebSite) -> None:
    """The sender names the codec; some of Python's raise what no framework expects: 500."""
    site.client.get(f"/p/{site.token('preferences')}")
    body = b'--B\r\nContent-Disposition: form-data; name="email"\r\n\r\n\\ud800\xff--x\r\n--B--\r\n'
    for charset in ("punycode", "undefined", "idna", "unicode_escape", "utf-7", "hex"):
        kind = {"Content-Type": f"multipart/form-data; boundary=B; charset={charset}"}
        for path in ("/subscribe", "/link", "/rate", "/import"):
            assert site.client.post(path, content=body, headers=kind).status_code < 500, (charset, path)


def test_one_click_is_heard_in_an_odd_encoding(site: WebSite) -> None:
    """However broken the body is: the address says all."""
    body = b'--B\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n\xff\r\n--B--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=B; charset=punycode"}
    answer = site.client.post(f"/u/{site.token('unsubscribe')}", content=body, headers=kind)
    assert answer.status_code == 200
    assert site.subscriber().status == "unsubscribed"


@pytest.mark.parametrize("path", ["/issues/{}", "/saved/{}/note", "/papers/{}.bib", "/papers/{}.ris"])
def test_a_number_of_thousands_of_digits_is_no_fault_of_ours(site: WebSite, path: str) -> None:
    """Python reads none of more than 4,300 digits, and Starlette does not expect that: 500."""
    for digits in (19, 1_900, 4_301):
        address = path.format("9" * digits)
        assert site.client.get(address).status_code < 500
        assert site.client.post(address).status_code < 500
    assert site.client.get(f"/papers/{'9' * 4_301}").status_code == 414


def test_previews_for_all_zones_do_not_push_one_another_out(site: WebSite) -> None:
    """Visitors who asked for them in turn made the costly part of each anew, while all others waited."""
    site.pass_time(hours=-1)  # 11:00 UTC, when it is three days at once
    zones = ("Etc/GMT+12", "UTC", "Pacific/Kiritimati")
    asked = [(zone, cadence) for zone in zones for cadence in ("daily", "weekly")]
    made = []
    for _ in range(2):
        for zone, cadence in asked:
            fields = {"action": "preview", "interests": "retrieval", "zone": zone, "cadence": cadence}
            assert site.client.post("/subscribe", data=fields).status_code == 200
        made.append([id(one) for one in site.web.site.previewer._kept.values()])
    assert len(made[0]) == len(asked)
    assert made[0] == made[1]
