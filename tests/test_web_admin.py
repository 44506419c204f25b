"""Who may see the operator's pages, and what every one of them does and does not."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from digest.pipeline.passwords import hash_password
from digest.web import make_web
from digest.web.admin import PARTS
from digest.web.admin.session import network_of
from tests.web_site import WebSite, demo_folder, serving_web

__all__ = ["demo_folder"]

PASSWORD = "correct horse battery"
# As hash_password makes it, but checked in no time.
HASH = "scrypt$16$8$1$AcqJ7YYmxw7nanbBXzH6Zg$mxDRsm4cAdN0gLLl52ewZH0uZhF83QNhrnzhf37vvzE"
COOKIE = "__Host-digest-admin"
FILLED = {"name": "huggingface", "number": "1"}


@pytest.fixture
def site(tmp_path: Path, demo_folder: Path) -> Iterator[WebSite]:
    """An installation whose operator logs in by a password."""
    with serving_web(tmp_path / "data", demo_folder, admin_password_hash=HASH) as made:
        yield made


@pytest.fixture
def admin(site: WebSite) -> TestClient:
    """A browser that is logged in."""
    return log_in(site)


def log_in(site: WebSite) -> TestClient:
    browser = site.browser()
    answer = browser.post("/admin/login", data={"password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin")
    return browser


def admin_token(browser: TestClient) -> str:
    found = re.search(r'name="admin_token" value="([^"]+)"', browser.get("/admin").text)
    assert found is not None
    return found[1]


def routes() -> list[tuple[str, str]]:
    """Every (method, path) below /admin, with something in the place of what varies."""
    found = [
        (method, route.path.format(**FILLED))
        for part in PARTS
        for route in part.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods)
    ]
    assert len(found) > 15
    return found


INSIDE = [one for one in routes() if one[1] != "/admin/login"]


# --- off -------------------------------------------------------------------------------------------


def test_while_off_nothing_tells_that_there_could_be_pages(tmp_path: Path, demo_folder: Path) -> None:
    """Every path and method is answered as one that is not there, to the byte."""
    with serving_web(tmp_path / "data", demo_folder) as off:
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE"):
            nothing = off.client.request(method, "/nothing-here")
            paths = [path for _, path in routes()]
            for path in [*paths, "/admin/", "/admin/nothing-here"]:
                answer = off.client.request(method, path)
                assert answer.status_code == 404, (method, path)
                assert answer.text == nothing.text
                assert answer.headers == nothing.headers


def test_while_off_the_header_opens_nothing(tmp_path: Path, demo_folder: Path) -> None:
    with serving_web(tmp_path / "data", demo_folder) as off:
        proxy = off.browser(client=("127.0.0.1", 5000))
        assert proxy.get("/admin", headers={"Remote-User": "ada"}).status_code == 404


# --- who is let in ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), INSIDE)
def test_nobody_is_let_in_without_logging_in(site: WebSite, method: str, path: str) -> None:
    """A page leads to the log-in, a form is refused; neither does anything."""
    before = site.rows()
    answer = site.client.request(method, path, data={} if method == "POST" else None)
    if method == "GET":
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin/login")
    else:
        assert answer.status_code == 401
    assert site.rows() == before


def test_the_cookie_is_for_this_host_alone(site: WebSite) -> None:
    cookie = site.client.post("/admin/login", data={"password": PASSWORD}).headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    for word in ("Secure", "HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"):
        assert word in cookie
    assert "domain" not in cookie.lower()
    plain = site.browser().post("http://digest.example.org/admin/login", data={"password": PASSWORD})
    assert plain.headers["set-cookie"].startswith("digest-admin=")
    assert "Secure" not in plain.headers["set-cookie"]


def test_a_wrong_password_is_the_same_page_with_401(site: WebSite) -> None:
    answer = site.client.post("/admin/login", data={"password": PASSWORD + " "})
    assert answer.status_code == 401
    assert "That is not the password." in answer.text
    assert "set-cookie" not in answer.headers
    assert site.client.get("/admin").status_code == 303


def test_attempts_are_limited_by_network(site: WebSite) -> None:
    """The sixth within a minute is not even checked, be it right."""
    for _ in range(5):
        assert site.client.post("/admin/login", data={"password": "wrong"}).status_code == 401
    near = site.browser(client=("192.0.2.200", 1))
    refused = near.post("/admin/login", data={"password": PASSWORD})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) <= 60
    far = site.browser(client=("198.51.100.7", 1))
    assert far.post("/admin/login", data={"password": PASSWORD}).status_code == 303


def test_networks_are_those_that_one_person_has() -> None:
    assert network_of("192.0.2.7") == network_of("::ffff:192.0.2.9") == "192.0.2.0/24"
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") != network_of("2001:db8:0:1::1")
    assert network_of("testclient") == "unknown"


def test_logging_out_forgets_the_cookie(site: WebSite, admin: TestClient) -> None:
    answer = admin.post("/admin/logout", data={"admin_token": admin_token(admin)})
    assert answer.status_code == 303
    assert admin.get("/admin").status_code == 303


def test_a_session_ends_after_half_a_day(site: WebSite, admin: TestClient) -> None:
    site.pass_time(hours=11, minutes=59)
    assert admin.get("/admin").status_code == 200
    site.pass_time(minutes=2)
    assert admin.get("/admin").status_code == 303


def test_a_session_dies_with_the_password(tmp_path: Path, demo_folder: Path) -> None:
    """Another hash, even of the same password, ends it; the same secret key signs all else on."""
    with serving_web(tmp_path / "data", demo_folder, admin_password_hash=HASH) as site:
        browser = log_in(site)
        assert browser.get("/admin").status_code == 200
        settings = site.app.settings.model_copy(
            update={"admin_password_hash": _secret(hash_password(PASSWORD))}
        )
        object.__setattr__(site.app, "settings", settings)
        again = TestClient(
            make_web(site.app), base_url="https://digest.example.org", cookies=dict(browser.cookies)
        )
        assert again.get("/admin", follow_redirects=False).status_code == 303


def _secret(text: str) -> object:
    from pydantic import SecretStr

    return SecretStr(text)


def test_a_readers_session_is_no_admin_and_neither_are_invented_cookies(site: WebSite) -> None:
    from digest.tokens import make_token

    reader = site.subscriber()
    site_secret = site.web.site.secret
    until = str(int(site.app.now().timestamp()) + 3600)
    for value in (
        make_token(site_secret, "session preferences", f"{reader.id}.{until}", reader.token_version),
        make_token(site_secret, "admin", until, 0),
        make_token(b"x" * 32, "admin", until, 0),
        until,
        "",
    ):
        browser = site.browser()
        for name in (COOKIE, "__Host-digest", "digest-admin"):
            browser.cookies.set(name, value)
        assert browser.get("/admin").status_code == 303, value
    raw = site.browser().get("/admin", headers=[(b"Cookie", f"{COOKIE}=\u00e9\u0000".encode())])
    assert raw.status_code == 303


# --- a proxy that logs people in -------------------------------------------------------------------


@pytest.fixture
def proxied(tmp_path: Path, demo_folder: Path) -> Iterator[WebSite]:
    given = {"admin_proxy_header": "Remote-User", "trusted_proxies": "10.1.0.0/16, ::1"}
    with serving_web(tmp_path / "data", demo_folder, **given) as made:
        yield made


@pytest.mark.parametrize("peer", ["10.1.2.3", "::ffff:10.1.2.3", "::1"])
def test_a_trusted_proxy_names_who_is_let_in(proxied: WebSite, peer: str) -> None:
    page = proxied.browser(client=(peer, 5000)).get("/admin", headers={"Remote-User": "ada <b>"})
    assert page.status_code == 200
    assert "ada &lt;b&gt;" in page.text


@pytest.mark.parametrize("peer", ["10.2.0.1", "192.0.2.7", "::2", "", "testclient"])
def test_the_header_of_anybody_else_is_ignored(proxied: WebSite, peer: str) -> None:
    """Whatever they say of whom they speak for."""
    browser = proxied.browser(client=(peer, 5000))
    headers = {"Remote-User": "ada", "X-Forwarded-For": "10.1.2.3", "Forwarded": "for=10.1.2.3"}
    assert browser.get("/admin", headers=headers).status_code == 401


def test_two_names_or_none_let_nobody_in(proxied: WebSite) -> None:
    """A proxy that passes on what it was sent besides its own word is not to be believed."""
    proxy = proxied.browser(client=("10.1.2.3", 5000))
    assert (
        proxy.get("/admin", headers=[("Remote-User", "mallory"), ("Remote-User", "ada")]).status_code == 401
    )
    for none in ({}, {"Remote-User": " "}):
        assert proxy.get("/admin", headers=none).status_code == 401


def test_without_a_password_there_is_no_way_to_log_in(proxied: WebSite) -> None:
    assert proxied.client.get("/admin/login").status_code == 401
    assert proxied.client.post("/admin/login", data={"password": ""}).status_code == 401


def test_a_proxys_user_needs_the_pages_token_too(proxied: WebSite) -> None:
    """Their log-in may ride on a cookie that browsers send from anywhere; ada's token is not bob's."""
    proxy = proxied.browser(client=("10.1.2.3", 5000))
    proxy.headers["Remote-User"] = "ada"
    page = proxy.get("/admin/suppression").text
    found = re.search(r'name="admin_token" value="([^"]+)"', page)
    assert found is not None
    form = {"address": "gone@example.org"}
    assert proxy.post("/admin/suppression", data=form).status_code == 403
    own = form | {"admin_token": found[1]}
    assert proxy.post("/admin/suppression", data=own, headers={"Remote-User": "bob"}).status_code == 403
    assert proxy.post("/admin/suppression", data=own).status_code == 303


# --- what every page does --------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), routes())
def test_every_answer_is_private_and_never_indexed(admin: TestClient, method: str, path: str) -> None:
    headers = admin.request(method, path).headers
    assert headers["cache-control"] == "private, no-store"
    assert headers["x-robots-tag"] == "noindex, nofollow"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"
    framed = "SAMEORIGIN" if path.endswith("/mail.html") else "DENY"
    assert headers["x-frame-options"] == framed


@pytest.mark.parametrize(("method", "path"), [one for one in INSIDE if one[0] == "POST"])
def test_a_form_from_elsewhere_or_without_its_token_does_nothing(
    site: WebSite, admin: TestClient, method: str, path: str
) -> None:
    token = admin_token(admin)
    form = {"address": "speech@example.org", "day": "", "until": ""}
    before = site.rows()
    for given, headers in (
        (form, {}),
        (form | {"admin_token": "x"}, {}),
        (form | {"admin_token": token[:-1]}, {}),
        (form | {"admin_token": token}, {"Sec-Fetch-Site": "cross-site"}),
        (form | {"admin_token": token}, {"Sec-Fetch-Site": "same-site"}),
    ):
        answer = admin.request(method, path, data=given, headers=headers)
        assert answer.status_code == 403, (given, headers)
    # A browser that says nothing of where a form comes from has to prove it by the other token as well.
    del admin.headers["Sec-Fetch-Site"]
    assert admin.request(method, path, data=form | {"admin_token": token}).status_code == 403
    assert site.rows() == before


@pytest.mark.parametrize("path", [path for method, path in routes() if method == "GET"])
def test_looking_changes_nothing(site: WebSite, admin: TestClient, path: str) -> None:
    before = site.rows()
    assert admin.get(path).status_code == 200
    assert site.rows() == before


@pytest.mark.parametrize(
    "path",
    [
        "/admin/sources/nothing",
        "/admin/sources/huggingface/pages/99999",
        "/admin/sources/nothing/pages/1",
        "/admin/sources/huggingface/pages/1x",
        "/admin/sources/huggingface/pages/99999999999999999999999",
        "/admin/subscribers/0",
        "/admin/subscribers/999",
        "/admin/subscribers/-1",
        "/admin/subscribers/²",
        "/admin/subscribers/99999999999999999999999/mail.html",
        "/admin/issues/999",
        "/admin/issues/999/mail.html",
        "/admin/subscribers?before=x",
        "/admin/nothing",
    ],
)
def test_what_is_not_there_is_404(admin: TestClient, path: str) -> None:
    assert admin.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/admin/sent?date=yesterday", "/admin/subscribers/1?date=9999-99-99"])
def test_what_is_no_day_is_told_in_words(admin: TestClient, path: str) -> None:
    answer = admin.get(path)
    assert answer.status_code == 400
    assert "That is no day" in answer.text


def test_below_a_prefix_all_links_and_ways_lead_there(tmp_path: Path, demo_folder: Path) -> None:
    given = {"admin_password_hash": HASH, "base_url": "https://example.org/papers"}
    with serving_web(tmp_path / "data", demo_folder, **given) as site:
        browser = TestClient(
            site.web,
            base_url="https://example.org",
            headers={"Sec-Fetch-Site": "same-origin"},
            follow_redirects=False,
        )
        assert browser.get("/papers/admin").headers["location"] == "/papers/admin/login"
        answer = browser.post("/papers/admin/login", data={"password": PASSWORD})
        assert answer.headers["location"] == "/papers/admin"
        for path in ("/papers/admin", "/papers/admin/subscribers/1", "/papers/admin/sent"):
            page = browser.get(path)
            assert page.status_code == 200
            links = re.findall(r'(?:href|action|src)="(/[^"]*)"', page.text)
            assert links
            assert all(link.startswith("/papers/") for link in links)
