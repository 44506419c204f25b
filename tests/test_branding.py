"""An installation's own look: legible whatever colour is set, a logo that only draws, templates over ours."""

import logging
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.branding import (
    ACCENT,
    ACCENT_DARK,
    DARK_GROUNDS,
    LIGHT_GROUNDS,
    MAX_LOGO,
    PLAIN,
    Look,
    contrast,
    make_look,
    parse_colour,
    read_logo,
)
from digest.checking import read_settings
from digest.config import Settings
from digest.errors import ConfigError
from digest.pipeline.letters import make_test_letter
from digest.render import MailContext, render_html, render_letter, render_text
from digest.templating import environment, render_template
from tests.issue_samples import COMPOSED_AT, issue
from tests.web_site import WebSite, demo_folder, serving_web  # noqa: F401 - a fixture

AA = 4.5
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="88" height="44"><path d="M0 0h88v44z"/></svg>'


def png(width: int = 200, height: int = 100) -> bytes:
    """A whole picture of one colour."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = zlib.compress((b"\0" + b"\x1f\x5f\xa8" * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


class TestColour:
    def test_contrast_is_that_of_the_standard(self) -> None:
        """Known pairs: black on white is 21, and #767676 the lightest grey that passes on white."""
        assert contrast("#000000", "#ffffff") == pytest.approx(21)
        assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
        assert contrast("#777777", "#ffffff") < AA

    @given(st.integers(0, 0xFFFFFF))
    def test_any_colour_becomes_legible_on_every_ground(self, number: int) -> None:
        look = make_look(f"#{number:06x}")
        assert min(contrast(look.accent, ground) for ground in LIGHT_GROUNDS) >= AA
        assert min(contrast(look.accent_dark, ground) for ground in DARK_GROUNDS) >= AA
        assert contrast(look.on_accent, look.accent) >= AA
        assert contrast(look.on_accent_dark, look.accent_dark) >= AA

    def test_our_own_colours_are_legible_too(self) -> None:
        assert min(contrast(ACCENT, ground) for ground in LIGHT_GROUNDS) >= AA
        assert min(contrast(ACCENT_DARK, ground) for ground in DARK_GROUNDS) >= AA
        assert make_look() == PLAIN

    def test_a_legible_colour_stays_as_it_is(self) -> None:
        assert make_look("#1f5fa8").accent == "#1f5fa8"
        assert make_look("#ABF").accent_dark == "#aabbff"

    @pytest.mark.parametrize("text", ["blue", "#12", "#12345g", "1f5fa8", "#1f5fa8;}", ""])
    def test_what_is_no_colour_is_refused_with_how_to_write_one(self, text: str) -> None:
        with pytest.raises(ValueError, match="write it as #1f5fa8"):
            parse_colour(text)

    def test_it_is_in_mails_in_both_schemes_and_ours_is_not(self) -> None:
        look = make_look("#1f5fa8")
        html = render_html(issue(), MailContext("Papers", "leave@example.org", look=look))
        assert look.accent in html
        assert look.accent_dark in html
        assert ACCENT not in html
        assert ACCENT_DARK not in html


class TestLogo:
    def test_its_shown_size_keeps_its_shape(self, tmp_path: Path) -> None:
        (tmp_path / "wide").write_bytes(png(440, 44))
        (tmp_path / "drawn").write_bytes(SVG)
        wide, drawn = read_logo(tmp_path / "wide"), read_logo(tmp_path / "drawn")
        assert (wide.media_type, wide.width, wide.height) == ("image/png", 220, 22)
        assert (drawn.media_type, drawn.width, drawn.height) == ("image/svg+xml", 88, 44)
        assert wide.is_for_mail
        assert not drawn.is_for_mail

    def test_a_jpeg_tells_its_size(self, tmp_path: Path) -> None:
        frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, 30, 60, 1) + b"\x01\x11\x00"
        (tmp_path / "logo").write_bytes(b"\xff\xd8\xff\xe0" + struct.pack(">H", 4) + b"ab" + frame)
        logo = read_logo(tmp_path / "logo")
        assert (logo.media_type, logo.width, logo.height) == ("image/jpeg", 60, 30)

    @pytest.mark.parametrize(
        "inside",
        [
            b'<path fill="rgb(1, 2, 3)" transform="translate(3 4) scale(2)" style="clip-path: url(#a)"/>',
            b'<!-- made by hand --><text aria-label="A lab (of ours)" font-family="Open Sans">x</text>',
        ],
    )
    def test_a_drawing_that_only_draws_is_taken(self, tmp_path: Path, inside: bytes) -> None:
        head = b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
        (tmp_path / "logo.svg").write_bytes(head + SVG.replace(b"</svg>", inside + b"</svg>"))
        assert read_logo(tmp_path / "logo.svg").width == 88

    @pytest.mark.parametrize(
        "inside",
        [
            b"<script>alert(1)</script>",
            b'<path onload="alert(1)"/>',
            b'<use href="https://example.org/x.svg#a"/>',
            b'<use xmlns:x="http://www.w3.org/1999/xlink" x:href="data:image/svg+xml,x"/>',
            b"<style>path { fill: url(https://example.org/) }</style>",
            b"<foreignObject/>",
            b'<image href="#a"/>',
            b'<path style="fill: url(https://example.org/)"/>',
            b'<path fill="u\\72l(x)"/>',
            b"<path style=\"background: image-set('http://example.org/x' 1x)\"/>",
            b"<path mask=\"Image('x.png')\"/>",
            b'<g xml:base="https://example.org/"><use href="#a"/></g>',
            b'<a href="#x"/>',
            b'<animate attributeName="href"/>',
            b'<x:p xmlns:x="http://www.w3.org/1999/xhtml"/>',
        ],
    )
    def test_a_drawing_that_does_more_than_draw_is_refused(self, tmp_path: Path, inside: bytes) -> None:
        (tmp_path / "logo.svg").write_bytes(SVG.replace(b"</svg>", inside + b"</svg>"))
        with pytest.raises(ValueError, match="does more than draw"):
            read_logo(tmp_path / "logo.svg")

    @pytest.mark.parametrize(
        ("body", "why"),
        [
            (b'<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG, "document type"),
            (b'<?xml version="1.0"?><?xml-stylesheet href="x"?>' + SVG, "style sheet"),
            (('<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG.decode()).encode("utf-16"), "in UTF-8"),
            (('<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG.decode()).encode("utf-16-le"), "is no PNG"),
            (b'<?xml version="1.0" encoding="UTF-7"?>' + SVG, "another encoding"),
            (b"GIF89a", "is no PNG, JPEG or SVG"),
            (b"", "is no PNG, JPEG or SVG"),
            (b"<html/>", "is no PNG, JPEG or SVG"),
            (b"\x89PNG\r\n\x1a\n", "does not tell its size"),
            (png(8000, 1), "larger than 4096 pixels"),
            (b" " * (MAX_LOGO + 1), "larger than 64 KiB"),
        ],
    )
    def test_what_is_no_picture_is_refused_with_a_sentence(
        self, tmp_path: Path, body: bytes, why: str
    ) -> None:
        (tmp_path / "logo").write_bytes(body)
        with pytest.raises(ValueError, match=why):
            read_logo(tmp_path / "logo")

    def test_it_takes_the_name_s_place_with_the_name_as_its_text(self, tmp_path: Path) -> None:
        (tmp_path / "logo.png").write_bytes(png())
        look = make_look(logo=tmp_path / "logo.png")
        assert look.logo is not None
        context = MailContext("Papers", "leave@example.org", "https://digest.example.org", look=look)
        html = render_html(issue(), context)
        assert f'src="https://digest.example.org/static/logo/logo-{look.logo.name}"' in html
        assert 'alt="Papers" width="88" height="44"' in html
        nowhere = render_html(issue(), MailContext("Papers", "leave@example.org", look=look))
        assert "<img" not in nowhere
        assert "Papers" in nowhere

    def test_a_drawing_is_for_pages_only(self, tmp_path: Path) -> None:
        (tmp_path / "logo.svg").write_bytes(SVG)
        look = make_look(logo=tmp_path / "logo.svg")
        context = MailContext("Papers", "leave@example.org", "https://digest.example.org", look=look)
        assert "<img" not in render_html(issue(), context)


def test_the_footer_is_text_in_every_part_of_every_mail() -> None:
    look = make_look(footer_text="Example <Institute>\n\n  1 Example Street ")
    context = MailContext("Papers", "leave@example.org", look=look)
    for html in (render_html(issue(), context), render_letter("x", "x", [], look=look)):
        assert "Example &lt;Institute&gt;</p>" in html
        assert "1 Example Street</p>" in html
    assert render_text(issue(), context).endswith("\nExample <Institute>\n\n1 Example Street\n")
    assert "Example" not in make_test_letter("Papers", "ada@example.org", COMPOSED_AT).text


# --- templates over ours ---------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of templates of the operator's."""
    for room in ("mail", "web", "shared"):
        (tmp_path / "own" / room).mkdir(parents=True)
    return tmp_path / "own"


def _heading(look: Look) -> str:
    return render_template("mail/section.html", look, heading="For <you>")


class TestOwnTemplates:
    def test_theirs_stands_in_for_ours_with_its_styles_inlined(self, own: Path) -> None:
        (own / "mail" / "section.html").write_text('<p class="small">{{ heading }}!</p>')
        said = _heading(Look(template_dir=own))
        assert said.startswith('<p class="small" style="')
        assert said.endswith("For &lt;you&gt;!</p>")
        assert "<h2" in _heading(PLAIN)

    def test_what_they_leave_out_is_ours(self, own: Path) -> None:
        assert _heading(Look(template_dir=own)) == _heading(PLAIN)

    def test_theirs_may_extend_ours(self, own: Path) -> None:
        (own / "web" / "error.html").write_text(
            '{% extends "our-web/error.html" %}{% block title %}Oh{% endblock %}'
        )
        environment(Look(template_dir=own)).get_template("web/error.html")

    @pytest.mark.parametrize(
        ("source", "line", "why"),
        [
            ("a\n{% if %}", 2, "Expected an expression"),
            ("a\n\xe4".encode("latin-1"), 2, "not text in UTF-8"),
            ("a\n{% autoescape false %}{% endautoescape %}", 2, "turns autoescape off"),
            ('a\n<p\nclass="{{ heading }}">', 3, "cannot be inlined"),
            ("a\n\n{{ nothing }}", 3, "'nothing' is undefined"),
            ("{{ heading|safe }}", 1, "No filter named 'safe'"),
            ("{{ heading.strip.x.y }}", 1, "has no attribute"),
            ("a\n{{ 1 / 0 }}", 2, "division by zero"),
            ('{% include "mail/none.html" %}', 1, "none.html"),
        ],
    )
    def test_a_broken_one_is_told_of_once_and_ours_is_shown(
        self, own: Path, caplog: pytest.LogCaptureFixture, source: str | bytes, line: int, why: str
    ) -> None:
        path = own / "mail" / "section.html"
        path.write_bytes(source if isinstance(source, bytes) else source.encode())
        look = Look(template_dir=own)
        with caplog.at_level(logging.WARNING):
            assert [_heading(look), _heading(look)] == [_heading(PLAIN)] * 2
        (told,) = [one.getMessage() for one in caplog.records]
        assert f"{path}, line {line}: " in told
        assert why in told

    @pytest.mark.parametrize(
        "source", ["{% autoescape false %}{{ heading }}{% endautoescape %}", '<p class="{{ heading }}">']
    )
    def test_escaping_cannot_be_turned_off_and_classes_not_be_computed(
        self, own: Path, caplog: pytest.LogCaptureFixture, source: str
    ) -> None:
        (own / "mail" / "section.html").write_text(source)
        assert _heading(Look(template_dir=own)) == _heading(PLAIN)
        assert "a template of yours is broken" in caplog.text

    def test_a_mistake_in_values_of_ours_is_not_hidden(self, own: Path) -> None:
        """Nothing of theirs is at fault, and ours fails the same."""
        with pytest.raises(Exception, match="undefined"):
            render_template("mail/section.html", Look(template_dir=own))


# --- settings and pages ----------------------------------------------------------------------------


def test_settings_are_refused_together_each_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = {
        "ACCENT_COLOR": "blue",
        "LOGO": str(tmp_path / "none"),
        "LANGUAGE": "tlh",
        "TEMPLATE_DIR": "none",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"DIGEST_{name}", value)
    with pytest.raises(ConfigError) as caught:
        read_settings()
    for part in ("write it as #1f5fa8", "cannot be read", "use one of en, de", "is no folder"):
        assert part in str(caught.value)


def test_settings_have_their_look(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(png())
    settings = Settings(
        logo=tmp_path / "logo.png", accent_color="#1F5FA8", template_dir=tmp_path, language="de"
    )
    assert (settings.accent_color, settings.template_dir) == ("#1f5fa8", tmp_path)


@pytest.fixture
def branded(tmp_path: Path, demo_folder: Path) -> Iterator[WebSite]:  # noqa: F811 - the fixture
    """The demonstration's web with a look of its own."""
    (tmp_path / "logo.svg").write_bytes(SVG)
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "leave.html").write_text("{{ broken")
    look = {
        "accent_color": "#ffdd00",
        "logo": tmp_path / "logo.svg",
        "footer_text": "Example <Institute>",
        "template_dir": tmp_path,
        "list_name": "Our papers",
    }
    with serving_web(tmp_path / "data", demo_folder, **look) as made:
        yield made


def test_pages_have_the_look(branded: WebSite, caplog: pytest.LogCaptureFixture) -> None:
    """Logo with its text and size, the footer escaped, and the colours of both schemes in a sheet of ours."""
    page = branded.client.get("/").text
    look = branded.app.look
    assert look.logo is not None
    assert f'alt="Our papers" width="{look.logo.width}" height="{look.logo.height}"' in page
    assert "<p>Example &lt;Institute&gt;</p>" in page
    (sheet,) = [part.split('"')[0] for part in page.split('href="') if "look.css" in part.split('"')[0]]
    answer = branded.client.get(sheet)
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert look.accent in answer.text
    assert look.accent_dark in answer.text
    picture = branded.client.get(page.split('class="logo" src="')[1].split('"')[0])
    assert (picture.content, picture.headers["content-type"]) == (SVG, "image/svg+xml")
    assert "sandbox" in picture.headers["content-security-policy"]
    broken = branded.client.get(f"/u/{branded.token('unsubscribe')}")
    assert broken.status_code == 200
    assert "leave.html, line 1" in caplog.text
    assert "No more mail?" in broken.text
