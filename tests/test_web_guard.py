"""What every request must satisfy and every answer carries, whatever route it is for."""

from pathlib import Path

import pytest

from tests.web_site import BASE_URL, WebSite, demo_folder, serving_web, site

__all__ = ["demo_folder", "site"]


def test_every_answer_carries_the_headers(site: WebSite) -> None:
    """Pages that are there, that are not, and refusals alike."""
    for path in ("/healthz", "/nothing-here", "/static/x/style.css", "/api/nothing"):
        headers = site.client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'"), path
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["strict-transport-security"]


def test_without_tls_nothing_is_said_of_it(site: WebSite) -> None:
    """HSTS by plain http means nothing, and browsers ignore it."""
    assert "strict-transport-security" not in site.browser().get("http://digest.example.org/healthz").headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "https://digest.example.org.evil.example"},
        {"Origin": "http://digest.example.org"},
        {"Origin": "https://evil.example", "Host": "digest.example.org"},
    ],
)
def test_an_unsafe_request_from_elsewhere_is_refused(site: WebSite, headers: dict[str, str]) -> None:
    """Whatever the path."""
    client = site.browser()
    del client.headers["Sec-Fetch-Site"]
    answer = client.post("/nothing-here", headers=headers)
    assert answer.status_code == 403
    assert "another site" in answer.text


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": BASE_URL}],
)
def test_one_from_here_passes(site: WebSite, headers: dict[str, str]) -> None:
    client = site.browser()
    del client.headers["Sec-Fetch-Site"]
    assert client.post("/nothing-here", headers=headers).status_code == 404


def test_a_body_that_is_too_large_is_refused_told_or_not(site: WebSite) -> None:
    """By its declared length, and as it comes where none is declared."""
    large = b"x" * (256 * 1024 + 1)
    assert site.client.post("/healthz", content=large).status_code == 413

    def pieces() -> object:
        yield b"a=" + large
        yield b"b"

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert site.client.post("/healthz", content=pieces(), headers=form).status_code in (405, 413)


def test_head_is_get_without_a_body(site: WebSite) -> None:
    answer = site.client.head("/healthz")
    assert answer.status_code == 200
    assert answer.content == b""


def test_a_database_that_is_gone_is_told_as_such(tmp_path: Path, demo_folder: Path) -> None:
    with serving_web(tmp_path / "data", demo_folder) as made:
        made.app.database.close()
        for file in made.app.data_dir.glob("digest.db*"):
            file.unlink()
        assert made.client.get("/readyz").status_code == 503


def test_errors_are_pages_for_people_and_json_for_programs(site: WebSite) -> None:
    page = site.client.get("/nothing-here")
    assert page.status_code == 404
    assert "<h1>There is nothing here</h1>" in page.text
    assert site.client.get("/api/nothing-here").json() == {"detail": "Not Found"}


def test_static_files_are_kept_for_ever_under_their_version(site: WebSite) -> None:
    page = site.client.get("/nothing-here").text
    address = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    answer = site.client.get(address)
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]
    assert "immutable" not in site.client.get("/static/old/style.css").headers["cache-control"]
    assert site.client.get("/static/x/base.html").status_code == 404
