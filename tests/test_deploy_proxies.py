"""The proxy samples: no token and no query reaches their logs, and the web learns from them who asks."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
TOKEN = "tokens-are-secret"
# The rooms of docs/web.md whose addresses hold tokens.
HIDDEN = ["/u/", "/p/", "/f/", "/i/", "/confirm/", "/feeds/"]


def caddy_logs(address: str) -> str:
    """What Caddy writes of an address: each match of the filter's expression is replaced."""
    text = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    found = re.search(r'request>uri regexp `(.+)` "(.+)"', text)
    assert found is not None
    return re.sub(found[1], found[2].replace("$", "\\"), address)


def nginx_logs(address: str) -> str:
    """What nginx writes of it: its path alone, as the map shows that."""
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    found = re.search(r"~(\S+) \$room;", text)
    (form,) = re.findall(r"log_format digest '([^']*)'", text)
    assert found is not None
    assert "$digest_shown" in form
    assert not re.search(r"\$(request|request_uri|args|uri|http_referer|query_string)\b", form)
    path = address.partition("?")[0]
    room = re.match(found[1].replace("?<", "?P<"), path)
    return room["room"] if room else path


@pytest.mark.parametrize("logs", [caddy_logs, nginx_logs])
def test_no_token_is_logged(logs: Callable[[str], str]) -> None:
    """The room is, and pages that hold none are whole; a query never is."""
    for room in HIDDEN:
        assert logs(f"{room}{TOKEN}/more.xml?a={TOKEN}") == room
    assert logs(f"/search?q={TOKEN}") == "/search"
    assert logs("/papers/2601.00001") == "/papers/2601.00001"


def test_the_proxies_take_what_the_program_takes_and_say_who_asks() -> None:
    """Bodies as large as an upload may be; nginx sets both forwarded headers, Caddy does by itself."""
    from digest.web.guard import MAX_UPLOAD

    nginx = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    caddy = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    for text, pattern in ((nginx, r"client_max_body_size (\d+)m"), (caddy, r"max_size (\d+)MB")):
        found = re.search(pattern, text)
        assert found is not None
        assert int(found[1]) * 1_000_000 >= MAX_UPLOAD
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in nginx
    assert "proxy_set_header X-Forwarded-Proto $scheme;" in nginx
    assert "add_header" not in nginx
