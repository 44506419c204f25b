"""Answers that no site should give and some day one does: every parser has to bear them."""

import gzip
from collections.abc import Iterator

__all__ = ["hostile_bodies"]

KIB = 1024


def hostile_bodies() -> Iterator[tuple[str, bytes]]:
    """(What it is in words, the bytes); the same each time, each small enough to be parsed in a moment."""
    yield from _nothings()
    yield from _nests()
    yield from _giants()
    yield from _odd_texts()


def _nothings() -> Iterator[tuple[str, bytes]]:
    for text in (
        "",
        " \r\n\t ",
        "null",
        "[]",
        "{}",
        '""',
        "0",
        "true",
        "[null]",
        "[[]]",
        '[{"a": null}]',
        "NaN",
    ):
        yield f"the text {text!r}", text.encode()
    yield "an error in JSON", b'{"error": "Rate limited", "status": 429}'
    yield "an error in HTML", b"<!doctype html><html><head><title>Just a moment...</title></head></html>"
    yield "an error in words", b"Too many requests"
    yield "an empty page", b"<!doctype html><html><body><main></main></body></html>"
    yield "an empty feed", b'<?xml version="1.0"?><rss version="2.0"><channel></channel></rss>'
    yield "an empty document", b'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"/>'
    yield "a PDF", b"%PDF-1.7\n1 0 obj << /Type /Catalog >>\nendobj\n"


def _nests() -> Iterator[tuple[str, bytes]]:
    yield "JSON nested deeply", b"[" * 100_000 + b"]" * 100_000
    yield "objects nested deeply", b'{"a":' * 50_000 + b"1" + b"}" * 50_000
    yield "lists nested deeply", b"<ul><li>" * 1500
    yield "elements nested deeply", b"<div><span>" * 1500 + b"x"
    yield "XML nested deeply", b"<a>" * 20_000 + b"</a>" * 20_000
    yield "brackets without an end", b"<" * 60 * KIB
    yield (
        "an entity bomb",
        (
            b'<!DOCTYPE z [<!ENTITY a "aaaaaaaaaa">'
            + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(8))
            + b"]><z>&i;</z>"
        ),
    )
    yield "an entity from a file", b'<!DOCTYPE z [<!ENTITY x SYSTEM "file:///etc/passwd">]><z>&x;</z>'


def _giants() -> Iterator[tuple[str, bytes]]:
    yield "one text of a megabyte", b'"' + b"a" * KIB * KIB + b'"'
    yield "a title of a megabyte", b"<html><title>" + b"b" * KIB * KIB + b"</title></html>"
    yield "a number of 10,000 digits", b"[" + b"9" * 10_000 + b"]"
    # Four times as many would take an HTML parser sixteen times as long.
    yield "5,000 attributes", b"<a " + b" ".join(b'x%d="1"' % n for n in range(5000)) + b">x</a>"
    yield "a list of 20,000 things", b"[" + b",".join([b"{}"] * 20_000) + b"]"
    yield "line breaks only", b"\n" * 200 * KIB
    yield "spaces only", b" " * 200 * KIB + b"x"


def _odd_texts() -> Iterator[tuple[str, bytes]]:
    yield "every byte there is", bytes(range(256)) * 40
    yield "NUL bytes", bytes(5000)
    yield "lone surrogates", rb'[{"title": "\ud800 a", "id": "\udfff"}]'
    yield "UTF-16", "<html><title>Überall</title></html>".encode("utf-16")
    yield "half of a character", "<html><title>Tee \u00e9".encode()[:-1]
    yield "something still packed", gzip.compress(b"<html></html>" * 100, mtime=0)
    yield "directions turned round", "<html><title>\u202egnp.exe\u2066</title></html>".encode()
