"""A crowd at the door: 64 at once read the list and subscribe; nothing is lost and nothing breaks."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.e2e.browsing import Served, serving
from tests.web_site import demo_folder

__all__ = ["demo_folder"]

pytestmark = pytest.mark.e2e

CROWD = 64
ROUNDS = 6
FORM_READ_S = 30


@pytest.fixture
def open_door(tmp_path: Path, demo_folder: Path) -> Iterator[Served]:
    """An installation that mails to all who ask in this test."""
    with serving(tmp_path / "data", demo_folder, sign_ups_in_all="100000 per hour") as made:
        yield made


@dataclass
class Visitor:
    """One of the crowd, from a network of their own."""

    number: int
    client: httpx.Client
    statuses: list[int] = field(default_factory=list)
    token: str = ""

    def read(self) -> None:
        """Read the list a few times, then open the form."""
        self.statuses += [self.client.get("/").status_code for _ in range(ROUNDS)]
        page = self.client.get("/subscribe")
        self.statuses.append(page.status_code)
        self.token = page.text.partition('name="form_token" value="')[2].partition('"')[0]

    def subscribe(self) -> None:
        """Send the form."""
        form = {"form_token": self.token, "email": self.address, "action": "subscribe"}
        form |= {"hour": "7", "zone": "UTC", "cadence": "daily"}
        self.statuses.append(self.client.post("/subscribe", data=form).status_code)

    @property
    def address(self) -> str:
        return f"crowd{self.number}@example.org"


@contextmanager
def crowd(served: Served) -> Iterator[list[Visitor]]:
    """All of them, with a connection each."""
    with ExitStack() as stack:
        visitors = []
        for number in range(CROWD):
            headers = {"X-Forwarded-For": f"10.0.{number}.7", "Origin": served.url}
            client = httpx.Client(base_url=served.url, headers=headers, timeout=60, trust_env=False)
            visitors.append(Visitor(number, stack.enter_context(client)))
        yield visitors


def test_a_crowd_loses_nothing_and_sees_no_error(open_door: Served) -> None:
    """Everybody's answers are pages, and everybody's confirmation is mailed once."""
    with crowd(open_door) as visitors, ThreadPoolExecutor(CROWD) as pool:
        list(pool.map(Visitor.read, visitors))
        open_door.pass_time(seconds=FORM_READ_S)
        list(pool.map(Visitor.subscribe, visitors))
    counts = Counter(status for one in visitors for status in one.statuses)
    assert counts == {200: CROWD * (ROUNDS + 2)}, counts
    mails = open_door.deliver()
    assert sorted(str(mail["To"]) for mail in mails) == sorted(one.address for one in visitors)
