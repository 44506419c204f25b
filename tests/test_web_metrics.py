"""Metrics: who may read them, and that what they say is so."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from digest.checking import read_settings
from digest.errors import ConfigError
from tests.web_site import READER, WebSite, demo_folder, serving_web, site

__all__ = ["demo_folder", "site"]

HERE = {"Host": "127.0.0.1:8000"}
TOKEN = "sixteen-letters-or-more"


def scrape(made: WebSite, **headers: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """The metrics as a program of this machine reads them, by name."""
    answer = made.browser(client=("127.0.0.1", 40000)).get("/metrics", headers=HERE | headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


@pytest.mark.parametrize("name", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000", "localhost"])
def test_a_program_on_this_machine_may_read_them(site: WebSite, name: str) -> None:
    client = site.browser(client=("127.0.0.1", 40000))
    assert client.get("/metrics", headers={"Host": name}).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        {"X-Forwarded-For": "192.0.2.9"},
        {"X-Forwarded-Proto": "https"},
        {"Forwarded": "for=192.0.2.9"},
        {"Via": "1.1 proxy"},
        {"X-Real-IP": "127.0.0.1"},
        {"Host": "digest.example.org"},
        {"Host": "localhost.evil.example"},
        {"Host": "evil.example@127.0.0.1.evil.example"},
    ],
)
def test_what_comes_by_a_proxy_or_under_another_name_does_not(site: WebSite, header: dict[str, str]) -> None:
    """A proxy on this machine speaks for the whole world."""
    client = site.browser(client=("127.0.0.1", 40000))
    assert client.get("/metrics", headers=HERE | header).status_code == 404


def test_nobody_else_does(site: WebSite) -> None:
    """Whatever they call themselves."""
    client = site.browser()
    for headers in ({}, HERE, HERE | {"X-Forwarded-For": "127.0.0.1"}, {"Authorization": f"Bearer {TOKEN}"}):
        assert client.get("/metrics", headers=headers).status_code == 404


def test_with_a_token_it_alone_counts(tmp_path: Path, demo_folder: Path) -> None:
    """From anywhere, and on this machine too."""
    with serving_web(tmp_path / "data", demo_folder, metrics_token=TOKEN) as made:
        for client in (made.browser(), made.browser(client=("127.0.0.1", 40000))):
            for word in ("", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer caf\u00e9"):
                given = {"Authorization": word.encode("latin-1")} if word else {}
                answer = client.get("/metrics", headers=HERE | given)  # type: ignore[operator]
                assert answer.status_code == 401, word
                assert answer.headers["www-authenticate"] == "Bearer"
            assert client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_requests_are_told_by_the_template_of_their_route(site: WebSite) -> None:
    """No address is in them, since those hold tokens and never end."""
    token = site.token("preferences")
    site.browser().get(f"/p/{token}")
    site.browser().head(f"/u/{site.token('unsubscribe')}")
    for number in range(3):
        site.browser().get(f"/nothing-{number}")
    found = scrape(site)
    counts = {tuple(labels.values()): value for labels, value in found["digest_web_request_seconds_count"]}
    assert counts["GET", "/p/{token}", "3xx"] == 1
    assert counts["GET", "/u/{token}", "2xx"] == 1
    assert counts["GET", "none", "4xx"] == 3
    assert token not in str(found)
    routes = {labels["route"] for labels, _ in found["digest_web_request_seconds_count"]}
    assert all(re.fullmatch(r"/[a-z{}/_:.]*|none", route) for route in routes), routes


def test_an_unknown_method_is_one_of_others(site: WebSite) -> None:
    """Anybody can invent as many as they like."""
    for method in ("BREW", "PROPFIND"):
        site.browser().request(method, "/", headers={"Sec-Fetch-Site": "same-origin"})
    methods = {labels["method"] for labels, _ in scrape(site)["digest_web_request_seconds_count"]}
    assert methods == {"OTHER"}


def test_no_reader_is_named(site: WebSite) -> None:
    """Neither by address nor by number: how many there are is all."""
    assert READER not in str(scrape(site))


def test_a_crowd_of_scrapes_asks_the_database_once(site: WebSite) -> None:
    """For five seconds; then what is new is told."""
    times = [0.0]
    metrics = site.web.site.metrics
    metrics._clock = lambda: times[0]
    before = scrape(site)["digest_readers"]
    with site.app.database.write() as session:
        site.subscriber()
        session.connection().exec_driver_sql("UPDATE subscribers SET status = 'paused'")
    assert scrape(site)["digest_readers"] == before
    times[0] = 5.1
    assert scrape(site)["digest_readers"] != before


@pytest.mark.parametrize(
    "token", ["short", "with a blank in the middle", "caf\u00e9-caf\u00e9-caf\u00e9-caf\u00e9"]
)
def test_a_token_that_can_be_guessed_or_not_be_sent_is_refused(
    monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """Without being shown."""
    monkeypatch.setenv("DIGEST_METRICS_TOKEN", token)
    with pytest.raises(ConfigError, match="metrics_token") as caught:
        read_settings()
    assert token not in str(caught.value)
