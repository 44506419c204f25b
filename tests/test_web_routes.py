"""A walk over all routes: each is on the table below, asks for whom it should, and refuses what it must.

A new route fails here until somebody says whose it is.
"""

import importlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from digest.web.application import ROOMS
from tests.test_web_admin import HASH, PASSWORD
from tests.web_site import READER, WebSite, demo_folder, serving_web, site

__all__ = ["demo_folder", "site"]

# Everybody: what is public, or proves by its address or by a cookie of its own who may.
PUBLIC = {
    "GET /static/{made}/{name}", "GET /favicon.ico", "GET /robots.txt", "GET /healthz", "GET /readyz",
    "GET /", "GET /search", "GET /archive", "GET /papers/{ref:path}",
    "GET /papers/{paper_id:int}.bib", "GET /papers/{paper_id:int}.ris",
    "GET /feeds", "GET /feeds/{file}",
    "GET /subscribe", "POST /subscribe", "POST /link", "GET /deleted",
    "GET /api", "GET /api/papers", "GET /api/papers/{paper}", "GET /api/papers/{paper}/similar",
    "GET /api/search", "GET /api/trending", "GET /api/sources",
}  # fmt: skip
BY_TOKEN = {
    "GET /confirm/{token}", "GET /confirm", "POST /confirm",
    "GET /u/{token}", "POST /u/{token}",
    "GET /f/{token}/{paper_id}/{kind}", "GET /p/{token}", "GET /i/{token}",
}  # fmt: skip
RATER = {
    "GET /rate", "POST /rate", "GET /saved", "GET /saved.{ending}",
    "POST /saved/{paper_id:int}/note", "POST /saved/{paper_id:int}/remove",
    "POST /saved/{paper_id:int}/restore", "GET /issues", "GET /issues/{issue_id:int}",
}  # fmt: skip
OWNER = {
    "GET /preferences", "POST /preferences", "GET /preferences/why", "POST /preferences/standing",
    "POST /preferences/revoke", "POST /preferences/keys", "POST /feeds/renew",
    "GET /transfer", "GET /import", "POST /import", "GET /export.json", "GET /export.opml",
    "GET /delete", "POST /delete", "GET /rate/ten",
}  # fmt: skip
# The operator's programs: by a token, or on this machine.
MACHINES = {"GET /metrics"}
ONE_CLICK = "POST /u/{token}"


def routes_of(routes: Iterable[Any]) -> Iterator[Any]:
    for route in routes:
        if hasattr(route, "original_router"):
            yield from routes_of(route.original_router.routes)
        else:
            yield route


def all_routes() -> set[str]:
    found = set()
    for room in ROOMS:
        router = importlib.import_module(f"digest.web.{room}").router
        found |= {f"{method} {route.path}" for route in routes_of(router.routes) for method in route.methods}
    return found


ALL = sorted(all_routes())
ADMIN = {one for one in ALL if one.partition(" ")[2].startswith("/admin")}
PROGRAMS = {one for one in ALL if one.partition(" ")[2].startswith("/api/me")}
GROUPS = {
    "public": PUBLIC, "token": BY_TOKEN, "rater": RATER, "owner": OWNER, "admin": ADMIN, "programs": PROGRAMS,
    "machines": MACHINES,
}  # fmt: skip


def test_every_route_is_of_one_group() -> None:
    """The table is the whole of it, and says each once."""
    told = [one for group in GROUPS.values() for one in group]
    assert sorted(told) == ALL


def address(route: str) -> str:
    """The route's path with something plausible in its places."""
    places = {"token": "abc-def", "paper_id": "1", "paper": "1", "number": "1", "issue_id": "1"}
    places |= {"kind": "more", "name": "huggingface", "made": "x", "file": "trending.rss", "ending": "bib"}
    places |= {"ref": "1"}
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda place: places[place[1]], route.partition(" ")[2])


def ask(client: TestClient, route: str, **more: Any) -> Any:
    method = route.partition(" ")[0]
    if method != "GET" and not address(route).startswith("/api") and "data" not in more:
        more["data"] = {"a": "b"}
    return client.request(method, address(route), **more)


@pytest.fixture
def with_admin(tmp_path: Path, demo_folder: Path) -> Iterator[WebSite]:
    """An installation whose pages for the operator are on."""
    settings = {"admin_password_hash": HASH}
    with serving_web(tmp_path / "data", demo_folder, **settings) as made:
        yield made


def test_every_answer_is_in_order_for_a_stranger(with_admin: WebSite) -> None:
    """No error of ours, all headers, and nothing that is private may be kept."""
    for route in ALL:
        answer = ask(with_admin.browser(), route)
        assert answer.status_code < 500, route
        headers = answer.headers
        assert "default-src 'none'" in headers["content-security-policy"], route
        assert headers["x-content-type-options"] == "nosniff", route
        assert headers["referrer-policy"] == "no-referrer", route
        assert headers["strict-transport-security"], route
        assert "server" not in headers
        if route not in PUBLIC:
            assert "public" not in headers["cache-control"], route


def test_a_stranger_comes_no_further(with_admin: WebSite) -> None:
    """What is a reader's or the operator's answers nobody else."""
    for route in RATER | OWNER | PROGRAMS:
        assert ask(with_admin.browser(), route).status_code == 401, route
    for route in MACHINES:
        assert ask(with_admin.browser(), route).status_code == 404, route
    for route in ADMIN - {"GET /admin/login", "POST /admin/login"}:
        answer = ask(with_admin.browser(), route)
        assert answer.status_code in (401, 303), route
        if answer.status_code == 303:
            assert answer.headers["location"].endswith("/admin/login"), route


def test_admin_is_not_there_unless_it_is_set(site: WebSite) -> None:
    """Not even as something that refuses."""
    nothing = site.client.get("/admin-of-nothing")
    for route in ADMIN:
        answer = ask(site.browser(), route)
        assert answer.status_code == 404, route
        assert answer.headers.get("set-cookie") is None
    assert site.client.get("/admin").text.count("<h1>") == nothing.text.count("<h1>") == 1


def reader(made: WebSite, purpose: str) -> TestClient:
    """A browser that opened a link of that purpose."""
    client = made.browser()
    token = made.token(purpose)
    path = f"/p/{token}" if purpose == "preferences" else f"/f/{token}/1/more"
    assert client.get(path).status_code == 303
    return client


def test_a_link_for_feedback_opens_no_more_than_that(with_admin: WebSite) -> None:
    """It cannot change preferences, export, delete, or leave."""
    client = reader(with_admin, "feedback")
    before = with_admin.rows()
    for route in OWNER | PROGRAMS:
        assert ask(client, route).status_code == 401, route
    for route in ADMIN - {"GET /admin/login", "POST /admin/login"}:
        assert ask(client, route).status_code in (401, 303), route
    token = with_admin.token("feedback")
    assert "unsubscribed" not in client.post(f"/u/{token}", data={"List-Unsubscribe": "One-Click"}).text
    assert with_admin.rows() == before
    assert client.get("/saved").status_code == 200


def test_a_link_for_preferences_is_no_operators(with_admin: WebSite) -> None:
    client = reader(with_admin, "preferences")
    assert client.get("/preferences").status_code == 200
    for route in ADMIN - {"GET /admin/login", "POST /admin/login"}:
        assert ask(client, route).status_code in (401, 303), route


ELSEWHERE = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
)


def test_no_unsafe_request_of_another_site_does_anything(with_admin: WebSite) -> None:
    """Whoever's session it rides on; but the one click of RFC 8058, which mail providers send from theirs."""
    client = reader(with_admin, "preferences")
    client.post("/admin/login", data={"password": PASSWORD})
    del client.headers["Sec-Fetch-Site"]
    before = with_admin.rows()
    for route in (one for one in ALL if not one.startswith("GET ")):
        for headers in ELSEWHERE:
            answer = ask(client, route, headers=headers)
            assert (answer.status_code == 403) == (route != ONE_CLICK), (route, headers)
    assert with_admin.rows() == before


def test_without_a_word_of_where_it_came_from_a_form_needs_its_token(with_admin: WebSite) -> None:
    """As browsers send it by plain http to a machine at home: no Sec-Fetch-Site, and ``Origin: null``."""
    client = reader(with_admin, "preferences")
    del client.headers["Sec-Fetch-Site"]
    before = with_admin.rows()
    for route in (one for one in ALL if not one.startswith("GET ")):
        if route == ONE_CLICK or route in PROGRAMS:
            continue
        for headers in ({"Origin": "null"}, {}):
            answer = ask(client, route, headers=headers)
            assert answer.status_code in (403, 401, 303), (route, answer.status_code)
    assert with_admin.rows() == before
    page = client.get("/preferences").text
    token = page.partition('name="form_token" value="')[2].partition('"')[0]
    form = {"form_token": token, "action": "pause", "until": ""}
    assert client.post("/preferences/standing", data=form, headers={"Origin": "null"}).status_code < 400
    assert with_admin.subscriber(READER).status == "paused"


def test_only_the_methods_of_the_table_are_answered(site: WebSite) -> None:
    """Everything else is 405, and changes nothing."""
    before = site.rows()
    for path in sorted({one.partition(" ")[2] for one in ALL}):
        if path.startswith("/admin"):
            continue
        there = {one.partition(" ")[0] for one in ALL if one.partition(" ")[2] == path}
        for method in {"POST", "PUT", "PATCH", "DELETE"} - there:
            answer = site.browser().request(method, address(f"{method} {path}"))
            assert answer.status_code in (404, 405), (method, path)
    assert site.rows() == before


def test_a_get_changes_nothing_for_anybody(with_admin: WebSite) -> None:
    """Neither a stranger's nor a reader's: machines open every link."""
    before = with_admin.rows()
    for client in (with_admin.browser(), reader(with_admin, "preferences")):
        for route in (one for one in ALL if one.startswith("GET ")):
            assert ask(client, route).status_code < 500, route
    for purpose, path in (("unsubscribe", "/u/{}"), ("preferences", "/p/{}"), ("feedback", "/f/{}/1/less")):
        assert with_admin.browser().get(path.format(with_admin.token(purpose))).status_code in (200, 303)
    assert with_admin.rows() == before


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil"])
def test_no_redirect_leads_elsewhere(site: WebSite, back: str) -> None:
    """Whatever a form says of where to go back to."""
    client = reader(site, "feedback")
    answer = client.post("/rate", data={"paper": "1", "kind": "saved", "back": back})
    assert answer.status_code in (200, 303)
    if answer.status_code == 303:
        assert re.match(r"/(?![/\\])", answer.headers["location"])
