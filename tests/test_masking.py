"""What was sent as a secret and comes back is not kept."""

from datetime import UTC, datetime

from pydantic import BaseModel, SecretStr

from digest.pipeline.masking import mask_page, secrets_of
from digest.types import Page

NOW = datetime(2026, 3, 11, tzinfo=UTC)


class Options(BaseModel):
    key: SecretStr | None = None
    query: str = "ordinary words"


def test_a_key_and_headers_are_secrets_in_each_form_they_may_come_back_in() -> None:
    found = secrets_of(Options(key=SecretStr("k/y 123456")), [("Authorization", "Bearer abcdef")])
    assert {"k/y 123456", "k%2Fy%20123456", "k%2Fy+123456", "Bearer abcdef", "abcdef"} <= set(found)
    assert "ordinary words" not in found


def test_what_is_no_secret_is_none() -> None:
    headers = [("Accept", "text/html"), ("User-Agent", "something")]
    assert secrets_of(Options(key=SecretStr("abc")), headers) == ()


def test_a_page_that_repeats_the_key_is_kept_without_it() -> None:
    page = Page(
        url="u",
        status=200,
        body=b'{"error": "API key hunter22 is invalid"}',
        fetched_at=NOW,
        moved_to="https://x.example/?key=hunter22",
        headers=(("x-echo", "hunter22"), ("server", "s")),
    )
    masked = mask_page(page, ["hunter22"])
    assert b"hunter22" not in masked.body
    assert masked.body == b'{"error": "API key ******** is invalid"}'
    assert masked.headers == (("x-echo", "********"), ("server", "s"))
    assert masked.moved_to == "https://x.example/?key=********"
    assert mask_page(page, []) is page
