"""An installation's own look: its colour, its logo, what stands at the foot, and its templates.

Pure but for reading the logo's file once. A colour is made to be legible (WCAG 2.2, 1.4.3, level AA) on the
light and on the dark background by itself, so that any colour may be given.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = [
    "PLAIN",
    "Logo",
    "Look",
    "contrast",
    "make_look",
    "parse_colour",
    "read_logo",
]

# The backgrounds that links and buttons stand on, as in mail.css and style.css; of each scheme the two that
# are furthest from one another, so that what is legible on both is legible on those between.
LIGHT_GROUNDS = ("#ffffff", "#f3ede3")
DARK_GROUNDS = ("#181613", "#26221d")
ACCENT, ACCENT_DARK = "#a8431f", "#f0a383"
ON_ACCENT, ON_ACCENT_DARK = "#ffffff", "#2a150b"
LEAST_CONTRAST = 4.5
STEPS = 100

MAX_LOGO = 64 * 1024
LOGO_HEIGHT, LOGO_WIDTH = 44, 220
MAX_SIDE = 4096

_COLOUR = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})")
_SVG = "{http://www.w3.org/2000/svg}"
# What draws and neither runs, loads nor links.
_SVG_TAGS = frozenset(
    """
    svg g defs title desc path rect circle ellipse line polyline polygon text tspan use symbol clipPath mask
    linearGradient radialGradient stop
    """.split()  # noqa: SIM905 - a list that is read as words
)
_XML_DECLARATION = re.compile(r"<\?xml\s([^?>]*)\?>")
_CODING = re.compile(r"""encoding\s*=\s*["']([^"']*)""")
# Functions of CSS that an attribute may call: others, such as image-set, load what they name.
_FUNCTION = re.compile(r"([\w-]+)\(")
_DRAWING_FUNCTIONS = frozenset(
    """
    rgb rgba hsl hsla calc matrix translate translatex translatey scale scalex scaley rotate skewx skewy
    """.split()  # noqa: SIM905 - a list that is read as words
)
_OWN_REFERENCE = re.compile(r"#[A-Za-z][\w.-]*")
_LENGTH = re.compile(r"([0-9]{1,5}(?:\.[0-9]{1,4})?)(?:px)?")


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture and the size it is shown in. ``name`` says what is in it, so it may be kept for ever."""

    body: bytes
    media_type: str
    name: str
    width: int
    height: int

    @property
    def is_for_mail(self) -> bool:
        """Whether mail programs show it: most of them show no SVG."""
        return self.media_type != "image/svg+xml"


@dataclass(frozen=True, slots=True)
class Look:
    """How an installation looks. Colours are ``#rrggbb``; ``footer`` is plain text, line by line."""

    accent: str = ACCENT
    accent_dark: str = ACCENT_DARK
    on_accent: str = ON_ACCENT
    on_accent_dark: str = ON_ACCENT_DARK
    logo: Logo | None = None
    footer: tuple[str, ...] = ()
    template_dir: Path | None = None

    @property
    def has_own_colour(self) -> bool:
        """Whether a colour was set."""
        return self.accent != ACCENT


PLAIN = Look()


def make_look(
    accent_color: str | None = None,
    logo: Path | None = None,
    footer_text: str | None = None,
    template_dir: Path | None = None,
) -> Look:
    """The look by its settings; raises ``ValueError`` in words for a colour or logo that cannot be had."""
    colours = () if accent_color is None else _colours(parse_colour(accent_color))
    lines = tuple(line.strip() for line in (footer_text or "").splitlines() if line.strip())
    made = read_logo(logo) if logo is not None else None
    return Look(*(colours or PLAIN_COLOURS), logo=made, footer=lines, template_dir=template_dir)


PLAIN_COLOURS = (ACCENT, ACCENT_DARK, ON_ACCENT, ON_ACCENT_DARK)


# --- colour ----------------------------------------------------------------------------------------


def parse_colour(text: str) -> str:
    """``#A84`` or ``#aa8844`` as ``#aa8844``; raises ``ValueError`` for anything else."""
    colour = text.strip().lower()
    if not _COLOUR.fullmatch(colour):
        raise ValueError(f"{text[:40]!r} is no colour; write it as #1f5fa8")
    return colour if len(colour) == 7 else "#" + "".join(2 * digit for digit in colour[1:])


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio")."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _colours(colour: str) -> tuple[str, str, str, str]:
    """The colour for light and for dark pages, and what is written on either."""
    light = _legible(colour, "#000000", LIGHT_GROUNDS)
    dark = _legible(colour, "#ffffff", DARK_GROUNDS)
    return light, dark, "#ffffff", _legible(dark, "#000000", (dark,))


def _legible(colour: str, towards: str, grounds: tuple[str, ...]) -> str:
    """The colour, mixed with as little of ``towards`` as makes it legible on all grounds."""
    for step in range(STEPS + 1):
        mixed = _mixed(colour, towards, step / STEPS)
        if min(contrast(mixed, ground) for ground in grounds) >= LEAST_CONTRAST:
            return mixed
    return towards


def _mixed(one: str, other: str, share: float) -> str:
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [value / 255 for value in _channels(colour)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# --- logo ------------------------------------------------------------------------------------------


def read_logo(path: Path) -> Logo:
    """The logo in that file, a PNG, JPEG or SVG; raises ``ValueError`` in words for what cannot be shown."""
    try:
        with path.open("rb") as file:
            body = file.read(MAX_LOGO + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    if len(body) > MAX_LOGO:
        raise ValueError(f"{path.name} is larger than {MAX_LOGO // 1024} KiB; save it smaller")
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        media_type, ending, size = "image/png", "png", _png_size(body)
    elif body.startswith(b"\xff\xd8\xff"):
        media_type, ending, size = "image/jpeg", "jpg", _jpeg_size(body)
    else:
        media_type, ending, size = "image/svg+xml", "svg", _svg_size(path.name, body)
    if size is None or not all(0 < side <= MAX_SIDE for side in size):
        raise ValueError(f"{path.name} does not tell its size, or is larger than {MAX_SIDE} pixels a side")
    scale = min(LOGO_HEIGHT / size[1], LOGO_WIDTH / size[0], 1.0 if ending != "svg" else 1000.0)
    shown = tuple(max(1, round(side * scale)) for side in size)
    name = f"{blake2b(body, digest_size=8).hexdigest()}.{ending}"
    return Logo(body, media_type, name, shown[0], shown[1])


def _png_size(body: bytes) -> tuple[float, float] | None:
    """From the IHDR chunk (PNG, 11.2.2)."""
    if len(body) < 24 or body[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", body[16:24])
    return width, height


def _jpeg_size(body: bytes) -> tuple[float, float] | None:
    """From the frame header (ITU T.81, B.2.2)."""
    at = 2
    while at + 9 <= len(body) and body[at] == 0xFF:
        marker, length = body[at + 1], struct.unpack(">H", body[at + 2 : at + 4])[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", body[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return None


def _svg_size(name: str, body: bytes) -> tuple[float, float] | None:
    """Its size, else that of its view box. Raises ``ValueError`` for what does more than draw."""
    from xml.etree import ElementTree

    try:
        # As text, so that what is looked at here is what a browser reads.
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is no PNG, JPEG or SVG in UTF-8") from error
    declared = _XML_DECLARATION.match(text)
    text = text[declared.end() :] if declared else text
    coding = _CODING.search(declared[1]) if declared else None
    # Without a mark or a word on it a parser guesses UTF-16 from the zeros.
    is_other = "\0" in text or (coding is not None and coding[1].lower() != "utf-8")
    if is_other or "<!" in text.replace("<!--", "") or "<?" in text:
        raise ValueError(
            f"{name} is no PNG, JPEG or plain SVG in UTF-8: it declares a document type, a style sheet or "
            "another encoding"
        )
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - without declarations there are no entities
    except (ElementTree.ParseError, ValueError) as error:
        raise ValueError(f"{name} is no PNG, JPEG or SVG") from error
    if root.tag != f"{_SVG}svg":
        raise ValueError(f"{name} is no PNG, JPEG or SVG")
    for fault in _svg_faults(root):
        raise ValueError(f"{name} does more than draw ({fault}); save it as plain SVG, or as PNG")
    sides = [_LENGTH.fullmatch(root.get(side, "")) for side in ("width", "height")]
    if sides[0] and sides[1]:
        return float(sides[0][1]), float(sides[1][1])
    box = root.get("viewBox", "").replace(",", " ").split()
    try:
        return (float(box[2]), float(box[3])) if len(box) == 4 else None
    except ValueError:
        return None


def _svg_faults(root: "Element") -> Iterator[str]:
    for element in root.iter():
        tag = element.tag if isinstance(element.tag, str) else ""
        if tag.removeprefix(_SVG) not in _SVG_TAGS or not tag.startswith(_SVG):
            yield f"the element {tag.rpartition('}')[2][:40]}"
        for name, value in element.attrib.items():
            bare = name.rpartition("}")[2].lower()
            if bare.startswith("on") or bare == "base":
                yield f"the attribute {bare[:40]}"
            if bare in ("href", "src") and not _OWN_REFERENCE.fullmatch(value.strip()):
                yield "a link"
            loads = re.sub(r"url\(\s*['\"]?#", "", value.lower())
            called = set(_FUNCTION.findall(loads)) - _DRAWING_FUNCTIONS if name == bare else set()
            if called or any(mark in loads for mark in ("url(", "@import", "javascript:", "\\")):
                yield f"the attribute {bare[:40]} loads something"
