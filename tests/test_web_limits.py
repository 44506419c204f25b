"""Limits of the web: who counts as one network, and what is answered beyond."""

from pathlib import Path

import pytest
import time_machine

from digest.mailer import Rate
from digest.pipeline import limiting
from digest.pipeline.limiting import Limit
from digest.web.limiting import network_of
from tests.web_site import demo_folder, serving_web

__all__ = ["demo_folder"]


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("192.0.2.255", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("2001:db8:1:ffff::", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", ""),
        ("unix:socket", "unix:socket"),
        ("x" * 500, "x" * 64),
    ],
)
def test_a_network_is_what_one_customer_has(host: str, network: str) -> None:
    assert network_of(host) == network


def test_a_window_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each hit counts for as long as the period, and for its own key."""
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        limit = Limit(Rate(2, 60.0))
        assert [limit.take("a") for _ in range(3)] == [True, True, False]
        assert limit.take("b")
        assert limit.wait_s("a") == 60
        clock.shift(61)
        assert limit.take("a")
        monkeypatch.setattr(limiting, "MAX_KEYS", 0)
        clock.shift(3600)
        limit._storage.events["old"] = []
        assert limit.take("a")
        assert "old" not in limit._storage.events


def test_beyond_the_limit_the_answer_says_when(tmp_path: Path, demo_folder: Path) -> None:
    """429 with Retry-After, for that network alone; a proxy that is trusted says whose it is, no other."""
    with serving_web(tmp_path / "data", demo_folder, sign_ups_per_network="3 per hour") as site:

        def post(client: tuple[str, int], forwarded: str | None = None) -> int:
            headers = {"X-Forwarded-For": forwarded} if forwarded else {}
            browser = site.browser(client=client)
            answer = browser.post("/link", data={"email": "x@example.net"}, headers=headers)
            if answer.status_code == 429:
                assert 3000 < int(answer.headers["retry-after"]) <= 3600
                assert "try again later" in answer.text
            return answer.status_code

        assert [post((f"192.0.2.{one}", 1)) for one in range(5)] == [200, 200, 200, 429, 429]
        assert post(("198.51.100.1", 1)) == 200
        assert post(("192.0.2.9", 1), "203.0.113.1") == 429
        proxied = [post(("127.0.0.1", 1), "203.0.113.1") for _ in range(4)]
        assert proxied == [200, 200, 200, 429]
        assert post(("127.0.0.1", 1), "203.0.112.1") == 200
        # What a visitor writes there themselves stands before what the proxy adds.
        assert post(("127.0.0.1", 1), "9.9.9.9, 203.0.113.1") == 429
