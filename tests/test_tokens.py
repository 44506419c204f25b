"""Tokens say who, for what and which version, and only the key can make them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.tokens import make_token, read_token

KEY = b"an invented key of 32 bytes long"
subjects = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50)
versions = st.integers(0, 10**17)
purposes = st.sampled_from(["unsubscribe", "feed", "feedback"])


@given(purposes, subjects, versions)
def test_a_token_is_read_back(purpose: str, subject: str, version: int) -> None:
    """Whatever the subject, the token is fit for a path, a query and a mail address, in any case."""
    token = make_token(KEY, purpose, subject, version)
    assert re.fullmatch(r"[a-z2-7]+-[a-z2-7]{26}", token)
    assert read_token(KEY, purpose, token) == (subject, version)
    assert read_token(KEY, purpose, token.upper()) == (subject, version)


@given(purposes, subjects, versions, st.data())
def test_a_changed_token_is_worth_nothing(
    purpose: str, subject: str, version: int, data: st.DataObject
) -> None:
    """Every single character counts; there is one spelling only."""
    token = make_token(KEY, purpose, subject, version)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz234567-=. 019é"))
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        assert read_token(KEY, purpose, changed) is None
    assert read_token(KEY, purpose, token[:place] + token[place + 1 :]) is None
    assert read_token(KEY, purpose, token + letter) is None


def test_another_purpose_or_key_does_not_open_it() -> None:
    """A feed's token leaves no list."""
    token = make_token(KEY, "feed", "7", 1)
    assert read_token(KEY, "unsubscribe", token) is None
    assert read_token(KEY[::-1], "feed", token) is None


def test_parts_cannot_be_cut_differently() -> None:
    """What stands at the end of a purpose cannot move to the subject."""
    signatures = {
        make_token(KEY, purpose, subject, version).rpartition("-")[2]
        for purpose, subject, version in [("a", "1:b", 1), ("a1", ":b", 1), ("a", "b", 1), ("a", "b", 11)]
    }
    assert len(signatures) == 4


@given(st.text(max_size=80))
def test_any_text_is_no_token(text: str) -> None:
    """Nothing is raised for what comes from outside."""
    assert read_token(KEY, "feed", text) is None


@pytest.mark.parametrize("text", ["", "-", "a" * 100_000, "\ud800", "\x00", "İ", "mfrgg-", "ge5a-aaaa"])
def test_odd_texts_are_no_tokens(text: str) -> None:
    """Among them a payload without a signature, and letters that grow when made small."""
    assert read_token(KEY, "feed", text) is None


@pytest.mark.parametrize(
    ("key", "purpose", "subject", "version"),
    [
        (b"short", "feed", "7", 0),
        (KEY, "", "7", 0),
        (KEY, "feed", "", 0),
        (KEY, "feed", "7", -1),
        (KEY, "f", "x" * 201, 0),
    ],
)
def test_wrong_parts_are_refused(key: bytes, purpose: str, subject: str, version: int) -> None:
    """A token that could not be trusted or read back is not made."""
    with pytest.raises(ValueError, match="a"):
        make_token(key, purpose, subject, version)


def test_the_form_stays() -> None:
    """Links in mails already sent must work with the next version too."""
    assert make_token(KEY, "unsubscribe", "42", 3) == "gm5dimq-llfcji4ctyahtmsyzifub35xsu"
