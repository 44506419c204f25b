"""XML from strangers: nothing of it is fetched, expanded or crashed on."""

import pytest

from digest.errors import ParseError
from digest.sources.strict_xml import load_xml

DTD = b'<!DOCTYPE Set PUBLIC "-//Example//DTD Set//EN" "https://dtd.example.org/set.dtd">'


def test_a_dtd_may_be_named_and_is_not_fetched() -> None:
    root = load_xml(b'<?xml version="1.0"?>' + DTD + b"<Set><One>a &amp; b</One></Set>", sought="a set")
    assert [root.tag, root.findtext("One")] == ["Set", "a & b"]


def test_namespaces_are_written_as_elementtree_does() -> None:
    root = load_xml(b'<a xmlns="urn:x" xmlns:y="urn:y" y:k="1"><b/></a>', sought="x")
    assert (root.tag, root.attrib, root[0].tag) == ("{urn:x}a", {"{urn:y}k": "1"}, "{urn:x}b")


@pytest.mark.parametrize(
    "declared",
    [
        b'<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">',
        b'<!ENTITY c SYSTEM "file:///etc/passwd">',
        b'<!ENTITY c SYSTEM "http://127.0.0.1:1/x">',
        b'<!ENTITY % c SYSTEM "http://127.0.0.1:1/x"> %c;',
    ],
)
def test_fault_18_entities_of_its_own_are_refused(declared: bytes) -> None:
    with pytest.raises(ParseError, match="declares entities"):
        load_xml(b"<!DOCTYPE x [" + declared + b"]><x>&c;</x>", sought="x")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", "nothing"),
        (b"  \n", "nothing"),
        (b"hello", "something else than XML"),
        (b"<a><b>", "damaged or cut off in line 1"),
        (b"<a>\n\x00</a>", "damaged or cut off in line 2"),
        (b"<a>&undefined;</a>", "damaged"),
        (b"<a>" * 300, "nested too deeply"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', "XML"),
        (b'<?xml version="1.0" encoding="rot13"?><a/>', "XML"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(body: bytes, found: str) -> None:
    with pytest.raises(ParseError, match=rf"^looked for the list, found .*{found}"):
        load_xml(body, sought="the list")


@pytest.mark.parametrize("charset", ["utf-16", "utf-8", "koi8-r", "windows-1251"])
def test_the_encoding_is_read_from_the_bytes(charset: str) -> None:
    text = f'<?xml version="1.0" encoding="{charset}"?><a>Привет</a>'
    assert load_xml(text.encode(charset), sought="x").text == "Привет"
