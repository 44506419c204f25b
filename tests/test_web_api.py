"""The interface for programs: what each operation gives, what it refuses, and whose token opens what."""

from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from digest.storage import papers as paper_rows
from digest.storage import subscribers as subscriber_rows
from tests.storage_rows import make_entry
from tests.test_web_feeds import add_new
from tests.web_site import BASE_URL, READER, WebSite, demo_folder, site

__all__ = ["demo_folder", "site"]

OWN = ("/api/me", "/api/me/preview", "/api/me/issues", "/api/me/feedback", "/api/me/saved")
PUBLIC = (
    "/api/papers",
    "/api/papers/1",
    "/api/papers/1/similar",
    "/api/search?q=x",
    "/api/trending",
    "/api/sources",
)
OTHER = "vision@example.org"


@pytest.fixture
def program(site: WebSite) -> TestClient:
    """A program that shows a reader's token, and nothing that a browser would."""
    return make_program(site)


def make_program(site: WebSite, email: str = READER) -> TestClient:
    client = site.browser()
    del client.headers["Sec-Fetch-Site"]
    client.headers["Authorization"] = f"Bearer {site.token('api', email)}"
    return client


def other_reader(site: WebSite) -> str:
    with site.app.database.read() as session:
        return next(
            one.email for one in subscriber_rows.list_subscribers(session) if one.email not in (READER, None)
        )


def all_of(client: TestClient, path: str, name: str, **query: Any) -> list[Any]:
    """A whole list, page by page."""
    found: list[Any] = []
    cursor = None
    for _ in range(200):
        answer = client.get(path, params=query | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        assert len(answer.json()[name]) <= query.get("limit", 100)
        found += answer.json()[name]
        cursor = answer.json()["next"]
        if cursor is None:
            return found
    raise AssertionError("it never ends")


# --- papers ----------------------------------------------------------------------------------------


def test_papers_come_the_last_seen_first_and_each_once(site: WebSite) -> None:
    """Whatever the size of a page, and where papers come in between."""
    whole = all_of(site.client, "/api/papers", "papers", limit=100)
    with site.app.database.read() as session:
        stored = [paper.id for paper in paper_rows.list_papers(session, limit=1000)]
    assert [paper["id"] for paper in whole] == stored
    for limit in (1, 7):
        assert all_of(site.client, "/api/papers", "papers", limit=limit) == whole
    first = site.client.get("/api/papers?limit=5").json()
    add_new(site, make_entry(1), make_entry(2))
    following = site.client.get("/api/papers", params={"limit": 5, "cursor": first["next"]}).json()
    assert first["papers"] + following["papers"] == whole[:10]


def test_a_paper_is_told_with_all_its_fields(site: WebSite) -> None:
    paper = site.client.get("/api/papers/1").json()
    assert paper["title"].startswith("Shelfmark")
    assert paper["first_seen_at"].endswith("Z")
    assert paper["url"].startswith("https://")
    assert paper["votes"] == paper["votes_history"][-1]["votes"]
    assert paper["listings"][0].keys() == {"source", "day", "position"}
    listed = next(one for one in all_of(site.client, "/api/papers", "papers", limit=100) if one["id"] == 1)
    assert listed.items() <= paper.items()


def test_papers_can_be_narrowed(site: WebSite) -> None:
    whole = all_of(site.client, "/api/papers", "papers")
    day = whole[0]["first_seen_at"][:10]
    (new,) = add_new(site, make_entry(1, categories=("cs.CL", "x_y%")))
    some = all_of(site.client, "/api/papers", "papers", since=day, until=day)
    assert {paper["first_seen_at"][:10] for paper in some} == {day}
    assert 0 < len(some) < len(whole)
    for category, expected in (("cs.CL", [new]), ("x_y%", [new]), ("s.C", []), ("x_yz", [])):
        found = all_of(site.client, "/api/papers", "papers", category=category)
        assert [paper["id"] for paper in found] == expected, category
    assert len(all_of(site.client, "/api/papers", "papers", source="huggingface")) == len(whole) + 1
    assert site.client.get("/api/papers?source=nobody").status_code == 404
    assert site.client.get("/api/papers?since=9999-12-31&until=0001-01-01").json()["papers"] == []


def test_a_paper_that_was_joined_to_another_leads_to_it(site: WebSite) -> None:
    from digest.identity import StoredJoin
    from digest.storage.merging import merge_papers

    with site.app.database.write() as session:
        paper_rows.get_paper(session, 2).arxiv_id = None  # type: ignore[union-attr]
        assert merge_papers(session, StoredJoin(1, 2, "by hand", 1.0), site.app.now())
    answer = site.client.get("/api/papers/2").json()
    assert (answer["id"], answer["joined_ids"]) == (1, [2])


def test_search_finds_the_best_first(site: WebSite) -> None:
    found = all_of(site.client, "/api/search", "papers", q="retrieval", limit=2)
    assert len(found) > 3
    assert [one["id"] for one in found] == [
        one["id"] for one in all_of(site.client, "/api/search", "papers", q="retrieval")
    ]
    exact = site.client.get("/api/search", params={"q": found[0]["arxiv_id"]}).json()["papers"]
    assert [one["id"] for one in exact] == [found[0]["id"]]
    assert site.client.get("/api/search?q=%20").json()["papers"] == []
    assert site.client.get("/api/search?q=x&source=nobody").status_code == 404
    wide = {"q": "retrieval", "since": "0001-01-01", "until": "9999-12-31"}
    assert len(site.client.get("/api/search", params=wide).json()["papers"]) == len(found)
    assert site.client.get("/api/search", params=wide | {"until": "1950-01-01"}).json()["papers"] == []


def test_similar_papers_are_other_papers(site: WebSite) -> None:
    found = all_of(site.client, "/api/papers/1/similar", "papers", limit=3)
    assert found
    assert 1 not in [one["id"] for one in found]
    assert site.client.get("/api/papers/99999/similar").status_code == 404


def test_trending_can_be_paged_sorted_and_dated(site: WebSite) -> None:
    month = {"period": "month", "date": "2026-01-16"}
    whole = all_of(site.client, "/api/trending", "papers", limit=100, **month)
    assert [one["votes"] or 0 for one in whole] == sorted((one["votes"] or 0 for one in whole), reverse=True)
    for limit in (1, 7):
        assert all_of(site.client, "/api/trending", "papers", limit=limit, **month) == whole
    # A page may be asked for with another size than the one before.
    stretch = site.client.get("/api/trending", params=month | {"limit": 5, "cursor": "3"}).json()
    assert stretch["papers"] == whole[3:8]
    assert stretch["next"] == "8"
    beyond = site.client.get("/api/trending", params=month | {"cursor": "999999999"}).json()
    assert (beyond["papers"], beyond["next"]) == ([], None)
    assert (beyond["first"], beyond["last"]) == ("2026-01-01", "2026-01-31")
    new = all_of(site.client, "/api/trending", "papers", sort="new", **month)
    assert {one["id"] for one in new} == {one["id"] for one in whole}
    assert new != whole
    for far in ("0001-01-01", "9999-12-31"):
        assert site.client.get(f"/api/trending?date={far}&period=week").json()["papers"] == []
    assert site.client.get("/api/trending?source=nobody").status_code == 404


def test_sources_tell_public_facts_only(site: WebSite) -> None:
    answer = site.client.get("/api/sources").json()
    (source,) = answer["sources"]
    assert source.keys() == {"name", "kind", "is_well", "verdict", "checked_at", "good_at"}
    assert source["is_well"] is True


# --- one's own -------------------------------------------------------------------------------------


def test_oneself(site: WebSite, program: TestClient) -> None:
    me = program.get("/api/me").json()
    assert me["email"] == READER
    assert me["feeds"]["json"] == f"{BASE_URL}/feeds/{site.subscriber().feed_token}.json"
    assert [one["name"] for one in me["wishes"]["interests"]]


def test_what_was_got_can_be_put_back_and_changes_nothing(site: WebSite, program: TestClient) -> None:
    before, rows = program.get("/api/me").json(), site.rows()
    answer = program.put("/api/me", json=before)
    assert answer.status_code == 200
    assert answer.json() == before
    assert site.rows() == rows


def test_wishes_are_stored_and_seen_in_the_preview(program: TestClient) -> None:
    interest = {"name": "Matching", "keywords": ["online matching"], "examples": [{"paper_id": 1}, {}]}
    wishes = {"interests": [interest], "hour": 9, "max_papers": 3, "hidden_sections": ["Rising", "Trending"]}
    me = program.put("/api/me", json={"wishes": wishes}).json()
    stored = me["wishes"]["interests"][0]
    assert stored["keywords"] == ["online matching"]
    # An example is known by its id; one that names nothing is left out.
    assert [one["paper_id"] for one in stored["examples"]] == [1]
    assert stored["examples"][0]["title"].startswith("Shelfmark")
    assert (me["wishes"]["hour"], me["wishes"]["cadence"]) == (9, "daily")
    assert program.get("/api/me").json() == me
    preview = program.get("/api/me/preview").json()
    assert preview["id"] is None
    assert 0 < len(preview["papers"]) <= 3
    assert {one["section"] for one in preview["papers"]} <= {"For you", "Following"}
    assert any("online matching" in reason for one in preview["papers"] for reason in one["reasons"])


@pytest.mark.parametrize(
    ("wishes", "where"),
    [
        ({"hour": 24}, ["body", "wishes", "hour"]),
        ({"hour": "7"}, ["body", "wishes", "hour"]),
        ({"hour": True}, ["body", "wishes", "hour"]),
        ({"trend_weight": 2}, ["body", "wishes", "trend_weight"]),
        ({"cadence": "hourly"}, ["body", "wishes", "cadence"]),
        ({"weekday": "funday"}, ["body", "wishes", "weekday"]),
        ({"houre": 7}, ["body", "wishes", "houre"]),
        ({"interests": [{"name": "a\x00b"}]}, ["body", "wishes", "interests", 0, "name"]),
        ({"interests": [{"name": "x" * 201}]}, ["body", "wishes", "interests", 0, "name"]),
        ({"interests": [{"name": "x", "examples": [{"paper_id": 0}]}]}, None),
        ({"interests": [{"name": "x", "examples": [{"paper_id": 2**31}]}]}, None),
        ({"hidden_sections": ["Rising", "Rising"]}, ["body", "wishes", "hidden_sections"]),
        ({"hidden_sections": ["Rising", "Trending", "For you", "Following"]}, None),
        ({"zone": "Mars/Base"}, []),
        ({"interests": [{"name": "x", "about": "a"}, {"name": "x ", "about": "b"}]}, []),
        ({"interests": [{"name": "\u200b", "about": "a"}]}, []),
    ],
)
def test_what_cannot_be_is_told_field_by_field(
    site: WebSite, program: TestClient, wishes: dict[str, Any], where: list[Any] | None
) -> None:
    before = site.rows()
    answer = program.put("/api/me", json={"wishes": wishes})
    assert answer.status_code == 422
    (fault,) = answer.json()["detail"]
    assert where is None or fault["where"] == where
    assert fault["what"]
    assert site.rows() == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"wishes": {"interests": [{"name": "\\ud800", "about": "a"}]}}', 422),
        (b'{"wishes": {"\\ud800\\u0000": 1}}', 422),
        (b'{"wishes": {"trend_weight": NaN}}', 422),
        (b'{"wishes": {"trend_weight": 1e999}}', 422),
        (b'{"wishes": {"hour": 1e5}}', 422),
        (b'{"wishes": null}', 422),
        (b"null", 422),
        (b"[]", 422),
        (b"", 422),
        (b"{", 422),
        (b'"\xff"', 400),
        (b"[" * 100_000, 400),
        (b'{"wishes": {"interests": [' + b"{}," * 5000 + b"{}]}}", 422),
        (b"x" * (256 * 1024 + 1), 413),
    ],
)
def test_a_body_that_is_none_is_refused_as_json(
    site: WebSite, program: TestClient, body: bytes, status: int
) -> None:
    before = site.rows()
    answer = program.put("/api/me", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["detail"]
    assert site.rows() == before


def test_a_form_is_no_json(site: WebSite, program: TestClient) -> None:
    """So no page of another site can send it without asking first."""
    before = site.rows()
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"):
        answer = program.post(
            "/api/me/feedback", content=b'{"paper":1,"kind":"more"}', headers={"Content-Type": kind}
        )
        assert answer.status_code == 422, kind
    assert site.rows() == before


def test_ones_digests(program: TestClient) -> None:
    whole = all_of(program, "/api/me/issues", "issues", limit=100)
    assert [one["date"] for one in whole] == sorted((one["date"] for one in whole), reverse=True)
    assert len(whole) == 5
    assert all_of(program, "/api/me/issues", "issues", limit=2) == whole
    assert whole[0]["papers"][0].keys() >= {"id", "title", "section", "interest", "reasons"}
    assert program.get("/api/me/issues?cursor=9999999999999999-1").status_code == 200
    assert program.get("/api/me/issues?cursor=0-0").json()["issues"] == []


def test_feedback_is_said_changed_and_taken_back(site: WebSite, program: TestClient) -> None:
    said = program.post("/api/me/feedback", json={"paper": 1, "kind": "more", "interest": "Retrieval"})
    assert said.status_code == 200
    assert said.json()["interest"] == "Retrieval"
    program.post("/api/me/feedback", json={"paper": 1, "kind": "less"})
    program.post("/api/me/feedback", json={"paper": 1, "kind": "saved", "note": "Two\nlines"})
    assert program.post("/api/me/feedback", json={"paper": 1, "kind": "saved"}).json()["note"] == "Two\nlines"
    found = all_of(program, "/api/me/feedback", "feedback", limit=1)
    assert [(one["paper"], one["kind"]) for one in found] == [(1, "saved"), (1, "less")]
    assert [one["kind"] for one in all_of(program, "/api/me/feedback", "feedback", kind="less")] == ["less"]
    (saved,) = all_of(program, "/api/me/saved", "saved")
    assert (saved["paper"]["id"], saved["note"]) == (1, "Two\nlines")
    gone = program.delete("/api/me/feedback/1/saved")
    assert (gone.status_code, gone.content) == (204, b"")
    assert program.delete("/api/me/feedback/1/saved").status_code == 404
    assert all_of(program, "/api/me/saved", "saved") == []


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"paper": 99999, "kind": "more"}, 404),
        ({"paper": 1, "kind": "more", "interest": "No such"}, 404),
        ({"paper": 1, "kind": "love"}, 422),
        ({"paper": "1", "kind": "more"}, 422),
        ({"paper": -1, "kind": "more"}, 422),
        ({"paper": 2**31, "kind": "more"}, 422),
        ({"paper": 1}, 422),
        ({"paper": 1, "kind": "saved", "note": "a\x00"}, 422),
        ({"paper": 1, "kind": "saved", "note": "x" * 4001}, 422),
        ({"paper": 1, "kind": "saved", "extra": 1}, 422),
    ],
)
def test_feedback_that_cannot_be_changes_nothing(
    site: WebSite, program: TestClient, sent: dict[str, Any], status: int
) -> None:
    before = site.rows()
    assert program.post("/api/me/feedback", json=sent).status_code == status
    assert site.rows() == before


def test_nobody_reaches_what_is_another_ones(site: WebSite, program: TestClient) -> None:
    """Known fault 49: any user could delete any feed."""
    other = make_program(site, other_reader(site))
    program.post("/api/me/feedback", json={"paper": 1, "kind": "saved", "note": "mine"})
    assert other.get("/api/me/feedback").json()["feedback"] == []
    assert other.delete("/api/me/feedback/1/saved").status_code == 404
    texts = " ".join(other.get(path).text for path in OWN)
    assert READER not in texts
    assert site.subscriber().feed_token not in texts
    first = program.get("/api/me/issues?limit=1").json()
    theirs = other.get("/api/me/issues", params={"cursor": first["next"]}).json()["issues"]
    ids = {one["id"] for one in all_of(program, "/api/me/issues", "issues")}
    assert not ids & {one["id"] for one in theirs}


# --- whose token -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", OWN)
def test_without_a_token_that_counts_nothing_of_ones_own_is_told(site: WebSite, path: str) -> None:
    token = site.token("api")
    for given in (
        None,
        "",
        "Bearer",
        f"Basic {token}",
        token,
        "Bearer x",
        f"Bearer {token}x",
        f"Bearer {token} x",
    ):
        headers = {} if given is None else {"Authorization": given}
        answer = site.client.get(path, headers=headers)
        assert answer.status_code == 401, given
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert isinstance(answer.json()["detail"], str)
        assert site.client.get(path, params={"token": token, "access_token": token}).status_code == 401


@pytest.mark.parametrize(
    "purpose", ["preferences", "feedback", "unsubscribe", "session preferences", "form", "issue"]
)
def test_a_token_for_something_else_is_none(site: WebSite, purpose: str) -> None:
    headers = {"Authorization": f"Bearer {site.token(purpose)}"}
    assert {site.client.get(path, headers=headers).status_code for path in OWN} == {401}


def test_a_cookie_is_none_either(site: WebSite) -> None:
    """So what a browser sends by itself, from whatever page, does nothing."""
    assert site.client.get(f"/p/{site.token('preferences')}").status_code == 303
    assert site.client.get("/preferences").status_code == 200
    assert {site.client.get(path).status_code for path in OWN} == {401}
    before = site.rows()
    assert site.client.put("/api/me", json={"wishes": {}}).status_code == 401
    assert site.client.post("/api/me/feedback", json={"paper": 1, "kind": "more"}).status_code == 401
    assert site.client.delete("/api/me/feedback/1/more").status_code == 401
    assert site.rows() == before


def test_a_token_of_the_interface_opens_no_page(site: WebSite, program: TestClient) -> None:
    token = site.token("api")
    for path in ("/preferences", "/saved", "/issues"):
        assert program.get(path).status_code == 401
    for path in (f"/p/{token}", f"/f/{token}/1/more", f"/u/{token}"):
        answer = site.browser().get(path)
        assert answer.status_code in (401, 404), path
        assert "set-cookie" not in answer.headers
    before = site.rows()
    site.browser().post(f"/u/{token}", data={"List-Unsubscribe": "One-Click"})
    assert site.rows() == before


def test_raising_the_version_ends_it(site: WebSite, program: TestClient) -> None:
    assert program.get("/api/me").status_code == 200
    with site.app.database.write() as session:
        reader = subscriber_rows.get_subscriber(session, READER)
        assert reader is not None
        reader.token_version += 1
    assert {program.get(path).status_code for path in OWN} == {401}
    assert make_program(site).get("/api/me").status_code == 200


def test_what_is_public_needs_none_and_asks_no_other_site(site: WebSite) -> None:
    """No CORS: another site's page cannot read it in a visitor's browser."""
    for path in PUBLIC:
        answer = site.client.get(path, headers={"Origin": "https://evil.example"})
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("access-control")]
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "PUT"}
    answer = site.client.options("/api/me", headers=preflight)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_browser_on_another_site_is_refused_in_json(site: WebSite, program: TestClient) -> None:
    before = site.rows()
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        answer = program.post("/api/me/feedback", json={"paper": 1, "kind": "more"}, headers=headers)
        assert answer.status_code == 403
        assert "another site" in answer.json()["detail"]
    assert site.rows() == before


def test_to_look_changes_nothing(site: WebSite, program: TestClient) -> None:
    before = site.rows()
    for path in (*OWN, *PUBLIC, "/api", "/api/openapi.json"):
        assert program.get(path).status_code == 200, path
        assert program.head(path).status_code == 200, path
    assert site.rows() == before


# --- the rest --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        *(
            "limit=0",
            "limit=101",
            "limit=1_0",
            "limit=1.0",
            "limit=",
            "limit=%C2%B2",
            "limit=99999999999999999999",
        ),
        *("since=2026-02-30", "since=1", "since=0", "since=2026-1-1", "since=2026-01-16T00:00:00Z"),
        *(
            "cursor=x",
            "cursor=1",
            "cursor=-1-1",
            "cursor=1-1%0A",
            "category=",
            "category=%00",
            "source=a%00b",
        ),
        "category=" + "x" * 101,
    ],
)
def test_an_address_that_says_nothing_sensible_is_refused(site: WebSite, query: str) -> None:
    answer = site.client.get(f"/api/papers?{query}")
    assert answer.status_code == 422
    (fault,) = answer.json()["detail"]
    assert fault["where"] == ["query", query.partition("=")[0]]


@pytest.mark.parametrize("number", ["0", "-1", "2147483648", "1.0", "x", "1e3", "%00", "1_0", "٣", " 1"])
def test_a_number_that_is_none_is_refused(site: WebSite, number: str) -> None:
    assert site.client.get(f"/api/papers/{number}").status_code == 422
    assert site.client.get(f"/api/papers/{number}/similar").status_code == 422


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/me", {"GET", "PUT", "HEAD"}),
        ("/api/me/feedback", {"GET", "POST", "HEAD"}),
        ("/api/me/feedback/1/more", {"DELETE"}),
        ("/api/papers", {"GET", "HEAD"}),
    ],
)
def test_another_method_is_told_which_there_are(site: WebSite, path: str, allowed: set[str]) -> None:
    for method in ("PATCH", "OPTIONS", "TRACE", "FOO"):
        answer = site.client.request(method, path)
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == allowed
        assert answer.json()["detail"]


def test_the_schema_says_what_is_needed_and_nothing_of_the_program(site: WebSite) -> None:
    """Known fault 51: the version was shown to anybody."""
    from digest import __version__

    schema = site.client.get("/api/openapi.json").json()
    operations = [one for methods in schema["paths"].values() for one in methods.values()]
    assert len(operations) == 14
    assert len({one["operationId"] for one in operations}) == 14
    for one in operations:
        assert one["summary"]
        assert one["description"]
        assert {"413", "422", "503"} <= one["responses"].keys()
    for path, methods in schema["paths"].items():
        for one in methods.values():
            assert ("security" in one) is ("401" in one["responses"]) is path.startswith("/api/me")
    assert schema["info"]["version"] != __version__
    assert all(path.startswith("/api/") for path in schema["paths"])


def test_a_database_that_is_gone_is_told_as_json(site: WebSite, monkeypatch: pytest.MonkeyPatch) -> None:
    from digest.errors import StorageError

    def gone(*_: Any, **__: Any) -> None:
        raise StorageError("the database is locked")

    monkeypatch.setattr("digest.pipeline.programs.list_papers", gone)
    answer = site.client.get("/api/papers")
    assert answer.status_code == 503
    assert "locked" not in answer.text
    assert answer.json()["detail"]


def test_the_page_explains_it(site: WebSite) -> None:
    page = site.client.get("/api")
    assert page.status_code == 200
    assert page.text.count("curl") >= 3
    assert 'href="/api/openapi.json"' in page.text
    assert f"API={BASE_URL}/api" in page.text
    assert site.token("api") not in page.text


def test_a_token_that_is_old_still_counts(site: WebSite, program: TestClient) -> None:
    """It ends when it is revoked, not by itself: programs run for years."""
    site.pass_time(days=400)
    assert program.get("/api/me").status_code == 200
    assert site.app.now() - timedelta(days=399) > site.subscriber().created_at
