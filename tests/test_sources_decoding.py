"""Bytes become text whatever was said about them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.sources.decoding import decode

CYRILLIC = "Чайник и чашка"
LATIN = "Käse für Zoë – “sehr gut”"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_comes_before_all_that_is_said(encoding: str) -> None:
    body = f'<meta charset="koi8-r">{CYRILLIC}'.encode(encoding)
    assert decode(body, "text/html; charset=windows-1252").endswith(CYRILLIC)


def test_the_header_comes_before_the_page() -> None:
    body = f'<meta charset="utf-8">{CYRILLIC}'.encode("koi8-r")
    assert decode(body, 'text/html; Charset="KOI8-R"').endswith(CYRILLIC)


@pytest.mark.parametrize(
    "meta",
    [
        '<meta charset="koi8-r">',
        "<META CHARSET=koi8-r>",
        '<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">',
        '<?xml version="1.0" encoding="koi8-r"?>',
        "<html>" + " " * 3000 + '<meta charset="koi8-r">',
    ],
)
def test_the_page_says_its_own_encoding_also_late(meta: str) -> None:
    assert decode((meta + CYRILLIC).encode("koi8-r")).endswith(CYRILLIC)


def test_text_without_a_word_on_its_encoding_is_utf_8_or_windows_1252() -> None:
    assert decode(LATIN.encode()) == LATIN
    assert decode(LATIN.encode("cp1252")) == LATIN


def test_latin_1_means_windows_1252() -> None:
    assert decode(LATIN.encode("cp1252"), "text/plain; charset=iso-8859-1") == LATIN


def test_a_wrong_single_byte_label_does_not_garble_utf_8() -> None:
    assert decode(CYRILLIC.encode(), "text/html; charset=iso-8859-1") == CYRILLIC


def test_utf_16_without_a_mark_is_seen_by_its_shape() -> None:
    text = "Teapots are all you need" * 3
    assert decode(text.encode("utf-16-le")) == decode(text.encode("utf-16-be")) == text


@pytest.mark.parametrize(
    "label", ["utf-7", "rot13", "base64", "idna", "unicode_escape", "zlib", "nonsense", "..", "x" * 99]
)
def test_labels_that_are_no_encoding_of_text_are_not_followed(label: str) -> None:
    assert decode(LATIN.encode(), f"text/html; charset={label}") == LATIN


def test_a_meta_that_claims_utf_16_cannot_be_right() -> None:
    assert decode(f'<meta charset="utf-16">{LATIN}'.encode()).endswith(LATIN)


def test_a_charset_inside_a_json_text_is_no_label() -> None:
    assert decode('["<meta charset=shift_jis> ü~"]'.encode()) == '["<meta charset=shift_jis> ü~"]'


@given(st.binary(max_size=300), st.text(max_size=60))
def test_nothing_raises_and_nothing_half_leaves(body: bytes, content_type: str) -> None:
    decode(body, content_type).encode("utf-8")  # no lone surrogates
