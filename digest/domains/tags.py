"""Reads ``name=value; …`` lists, as DKIM keys and DMARC records are written (RFC 6376, 3.2)."""

import re

__all__ = ["parse_tags"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


def parse_tags(text: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """The tags by name (lower case) in order, and what is wrong with the list."""
    tags: dict[str, str] = {}
    faults: list[str] = []
    for part in text.split(";"):
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        name = name.strip()
        if not equals or not _NAME.match(name):
            faults.append("a part of it is no name=value")
        elif name.lower() in tags:
            faults.append(f"{name}= is there twice")
        else:
            tags[name.lower()] = value.strip()
    return tags, tuple(dict.fromkeys(faults))
