"""XML from strangers: no entities of its own, nothing fetched, what is wrong told in one sentence."""

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers.expat import ExpatError, ParserCreate

from digest.errors import ParseError

__all__ = ["load_xml"]

MAX_DEPTH = 200


def load_xml(body: bytes, *, sought: str) -> Element:
    """The root of an XML document; names are as ElementTree writes them, ``{namespace}name``.

    Expat reads the encoding from the bytes themselves. A DTD may be named, and is not fetched; one that
    declares entities is refused, since what is declared can grow without bounds or name a file. Raises
    ``ParseError`` saying what was ``sought``.
    """
    parser = ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    tree = TreeBuilder()
    depth = 0

    def refuse(*_: object) -> None:
        raise ParseError(f"looked for {sought}, found XML that declares entities of its own")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise ParseError(f"looked for {sought}, found XML nested too deeply to read")
        tree.start(_named(name), {_named(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        tree.end(_named(name))

    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = tree.data
    try:
        parser.Parse(body, True)
    except (ExpatError, LookupError, ValueError) as error:  # the last two: an encoding there is not
        raise ParseError(f"looked for {sought}, found {_shape(body, error)}") from error
    return tree.close()


def _named(name: str) -> str:
    return "{" + name if "}" in name else name


def _shape(body: bytes, error: Exception) -> str:
    start = body[:1000].strip(b"\xef\xbb\xbf \t\r\n\x00")
    if not start:
        return "nothing"
    if not isinstance(error, ExpatError):
        return "XML in an encoding that is not known"
    if start[:1] == b"<" or body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return f"XML that is damaged or cut off in line {error.lineno}"
    return "something else than XML"
