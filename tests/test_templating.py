"""The Jinja environment is closed, and dates, numbers and lines are written one way."""

import unicodedata
from datetime import date
from pathlib import Path

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import templating
from digest.templating import (
    compact_number,
    environment,
    legal,
    long_date,
    number,
    one_line,
    render_template,
    safe_link,
    short_date,
    sparkline,
    templates_folder,
    wrap,
)
from tests.issue_samples import HOSTILE

NAMES = sorted(environment().list_templates())


def _columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment over templates of the test's own."""
    for room in ("mail", "feed", "shared"):
        (tmp_path / "templates" / room).mkdir(parents=True)
    sheet = ".a { color: #111111; margin: 0; } .b { padding: 1px; } @media (x) { .a { color: #eeeeee; } }"
    (tmp_path / "templates" / "mail" / "mail.css").write_text(sheet)
    monkeypatch.setattr(templating, "templates_folder", lambda: tmp_path / "templates")
    environment.cache_clear()
    yield tmp_path / "templates"
    environment.cache_clear()


class TestEnvironment:
    def test_every_template_of_ours_loads_with_autoescape_on(self) -> None:
        """None is named in a way, or holds a tag, that turns it off (known fault 34)."""
        assert {"mail/issue.html", "feed/rss.xml", "feed/atom.xml", "feed/item.html"} <= set(NAMES)
        for name in NAMES:
            if not name.endswith(".css"):
                assert environment().get_template(name).environment.autoescape is True

    @pytest.mark.parametrize("name", ["a.html", "a.xml", "a.txt", "a.jinja", "a.j2", "a"])
    def test_a_value_is_escaped_whatever_the_file_is_called(self, folder: Path, name: str) -> None:
        (folder / "feed" / name).write_text("{{ x }}")
        assert render_template(f"feed/{name}", x="<b>&\"'") == "&lt;b&gt;&amp;&#34;&#39;"

    @pytest.mark.parametrize("source", ["{{ x|safe }}", "{{ x|tojson }}", "{{ x|attr('y') }}"])
    def test_filters_that_are_not_allowed_do_not_load(self, folder: Path, source: str) -> None:
        (folder / "feed" / "a.html").write_text(source)
        with pytest.raises(jinja2.TemplateAssertionError):
            render_template("feed/a.html", x="<b>")

    def test_autoescape_cannot_be_turned_off_inside(self, folder: Path) -> None:
        (folder / "feed" / "a.html").write_text("{% autoescape false %}{{ x }}{% endautoescape %}")
        with pytest.raises(jinja2.TemplateSyntaxError, match="turns autoescape off"):
            render_template("feed/a.html", x="<b>")

    def test_an_environment_without_autoescape_loads_nothing(self, folder: Path) -> None:
        (folder / "feed" / "a.html").write_text("{{ x }}")
        environment().autoescape = False
        with pytest.raises(RuntimeError, match="autoescape is off"):
            render_template("feed/a.html", x="<b>")

    @pytest.mark.parametrize("name", ["range", "dict", "lipsum", "cycler", "namespace", "missing"])
    def test_there_are_no_globals_and_undefined_names_raise(self, folder: Path, name: str) -> None:
        (folder / "feed" / "a.html").write_text("{{ " + name + " }}")
        with pytest.raises(jinja2.UndefinedError):
            render_template("feed/a.html")

    def test_text_is_never_template_source(self) -> None:
        """Known fault 32."""
        with pytest.raises(TypeError):
            environment().from_string("{{ 1 }}")

    def test_a_value_that_looks_like_a_template_stays_text(self, folder: Path) -> None:
        (folder / "feed" / "a.html").write_text("{{ x }}")
        assert render_template("feed/a.html", x="{{ 7 * 7 }}{% if %}") == "{{ 7 * 7 }}{% if %}"


class TestFolder:
    def test_a_checkout_has_them_beside_the_package(self) -> None:
        assert (templates_folder() / "mail" / "issue.html").is_file()

    def test_inside_the_package_they_come_first(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        package = tmp_path / "digest"
        (tmp_path / "templates").mkdir()
        package.mkdir()
        monkeypatch.setattr(templating, "__file__", str(package / "templating.py"))
        assert templates_folder() == tmp_path / "templates"
        (package / "templates").mkdir()
        assert templates_folder() == package / "templates"

    def test_without_any_it_says_where_it_looked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(templating, "__file__", str(tmp_path / "digest" / "templating.py"))
        with pytest.raises(RuntimeError, match="no templates"):
            templates_folder()


class TestStyles:
    def test_classes_become_styles_and_stay_only_where_an_at_rule_needs_them(self, folder: Path) -> None:
        (folder / "mail" / "a.html").write_text(
            '<style>/* at-rules */</style><p class="a b"></p><i class="b"></i>'
        )
        made = render_template("mail/a.html")
        assert (
            '<p class="a" style="color:#111111;margin:0;padding:1px"></p><i style="padding:1px"></i>' in made
        )
        assert "@media (x)" in made

    def test_a_class_that_is_computed_is_refused(self, folder: Path) -> None:
        (folder / "mail" / "a.html").write_text('<p class="{{ x }}"></p>')
        with pytest.raises(jinja2.TemplateSyntaxError, match="cannot be inlined"):
            render_template("mail/a.html", x="a")

    def test_feeds_get_shared_templates_without_classes(self, folder: Path) -> None:
        (folder / "shared" / "c.html").write_text('<p class="a">x</p>')
        assert render_template("feed/c.html") == "<p>x</p>"
        assert render_template("mail/c.html") == '<p class="a" style="color:#111111;margin:0">x</p>'


class TestText:
    def test_what_xml_and_html_forbid_is_taken_out(self) -> None:
        assert legal("a\x00b\x0bc\ud800d\ufffee\x9ff\tg\n") == "abcdef\tg\n"
        assert one_line(" a\u2028b\x85c\u3000 d\r\n\x00e ") == "a b c d e"

    @pytest.mark.parametrize(
        "url",
        [
            "javascript:alert(1)",
            "JAVASCRIPT:alert(1)",
            "data:text/html,x",
            "javascript://example.org/%0Aalert(1)",
            "//example.org",
            "https://a b",
            'https://a/"onclick=',
            "https://a/\nb",
            "mailto:a@b\r\nBcc: c@d",
            'mailto:a@b"x',
            "vbscript:x",
            "file:///etc/passwd",
            "",
            None,
        ],
    )
    def test_only_web_and_mail_addresses_become_links(self, url: str | None) -> None:
        """Known fault 39."""
        assert safe_link(url) is None

    @pytest.mark.parametrize(
        "url",
        ["https://example.org/a?b=c&d#e", "http://127.0.0.1:8000/", "mailto:a@b.org?subject=c%20d&body=e"],
    )
    def test_good_addresses_stay_as_they_are(self, url: str) -> None:
        assert safe_link(url) == url


class TestWrap:
    @given(st.text(HOSTILE), st.sampled_from(["", "   "]))
    def test_lines_fit_and_hold_all_that_is_not_blank(self, text: str, indent: str) -> None:
        lines = wrap(text, 72, indent)
        assert all(
            _columns(line) <= 72 and line == line.rstrip() and line.startswith(indent) for line in lines
        )
        assert "".join("".join(lines).split()) == "".join(one_line(text).split())

    def test_what_counts_as_narrow_takes_one_column(self) -> None:
        """Every character of the quick way; Python gives unassigned ones two columns."""
        narrow = [letter for letter in map(chr, range(0x110000)) if templating._NARROW.fullmatch(letter)]
        assert len(narrow) > 800
        assert {_columns(letter) for letter in narrow} == {1}

    @given(
        st.lists(st.text("abé“·", max_size=9), min_size=10, max_size=60).map(" ".join)
        | st.text(HOSTILE | st.sampled_from("ab \u0378"), max_size=300),
        st.integers(8, 30),
        st.sampled_from(["", "    "]),
    )
    def test_the_quick_way_gives_the_same_lines(self, text: str, width: int, indent: str) -> None:
        quick = wrap(text, width, indent)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(templating, "_narrow_lines", lambda *_: None)
            assert wrap.__wrapped__(text, width, indent) == quick

    @given(st.text("ab  é", max_size=60) | st.text(HOSTILE, max_size=60))
    def test_clean_text_is_one_line_as_it_is(self, text: str) -> None:
        assert one_line(text) == " ".join(legal(text.replace("\x85", " ")).split())

    def test_a_word_that_would_end_one_column_too_far_goes_on_the_next_line(self) -> None:
        assert wrap("aaa bbb c ddd", 8) == ("aaa bbb", "c ddd")
        assert wrap("aaa bbb c ddd", 9) == ("aaa bbb c", "ddd")

    def test_words_stay_whole(self) -> None:
        assert wrap("aaa bbb ccc", 7) == ("aaa bbb", "ccc")

    def test_a_long_word_is_cut(self) -> None:
        assert wrap("x" * 25, 10) == ("x" * 10, "x" * 10, "x" * 5)

    def test_wide_characters_take_two_columns_and_break_anywhere(self) -> None:
        assert wrap("在不重建索引。的", 12) == ("在不重建索", "引。的")

    def test_nothing_is_no_line(self) -> None:
        assert wrap(" \n ") == ()


class TestNumbers:
    def test_dates_are_english_whatever_the_locale(self) -> None:
        assert long_date(date(2026, 3, 16)) == "Monday, 16 March 2026"
        assert short_date(date(2025, 12, 1)) == "1 Dec"
        assert short_date(date(2025, 12, 1), beside=date(2026, 1, 1)) == "1 Dec 2025"

    def test_numbers(self) -> None:
        assert number(1234567) == "1,234,567"
        shown = [compact_number(value) for value in (0, 999, 1000, 1234, 15_000, 99_999, 1_250_000)]
        assert shown == ["0", "999", "1k", "1.2k", "15k", "99.9k", "1.2M"]

    def test_a_sparkline_goes_from_the_lowest_to_the_highest(self) -> None:
        assert sparkline([3, 9, 60, 110, 128]) == "▁▁▃▅▇"
        assert sparkline([5, 1]) == "▇▁"
        assert sparkline([4, 4]) == sparkline([4]) == sparkline([]) == ""

    @given(st.lists(st.integers(0, 10**6), min_size=2, max_size=20))
    def test_a_sparkline_never_falls_where_the_votes_rise(self, values: list[int]) -> None:
        values = sorted(values)
        bars = ["▁▂▃▅▇".index(bar) for bar in sparkline(values)]
        assert bars == sorted(bars)
