"""Every language says all there is to say, and nothing that readers see is English alone."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from digest.templating import compact_number, long_date, month, render_template, short_date, templates_folder
from digest.translation import (
    LANGUAGES,
    catalogue_path,
    direction,
    gettext,
    in_language,
    language,
    listed,
    ngettext,
    preferred,
    speaking,
)
from digest.types import Reason
from digest.wording import said_reason
from tests.wording_checks import messages, reader_templates, untranslated

OTHERS = sorted(set(LANGUAGES) - {"en"})
PLACE = re.compile(r"%\((\w+)\)([a-z])")
MARKUP = re.compile(r"</?[a-z][^>]*>")
ADDRESSED = re.compile(r"\b(?:[Dd](?:u|ein\w*|ich|ir)|Ihr\w*)\b")
NOW = datetime(2026, 8, 5, 6, 0, tzinfo=UTC)


def _catalogue(code: str) -> dict[str, tuple[str, ...]]:
    with catalogue_path(code).open("rb") as file:
        rows = [one for one in read_po(file, locale=code) if one.id]
    return {
        one.id[0] if isinstance(one.id, tuple) else one.id: one.string
        if isinstance(one.string, tuple)
        else (one.string,)
        for one in rows
    }


def _stray_percent(text: str) -> bool:
    """Whether a % would be read as a place that there is not; one that is meant is written %%."""
    return "%" in PLACE.sub("", text).replace("%%", "")


@pytest.mark.parametrize("code", OTHERS)
class TestCatalogue:
    def test_every_message_is_translated_and_no_other(self, code: str) -> None:
        """./run.sh words brings it up to date; what it adds is empty and has to be written."""
        stored = _catalogue(code)
        assert {one for one in messages() if not all(stored.get(one, ("",)))} == set()
        assert set(stored) - set(messages()) == set()

    def test_what_is_filled_in_is_the_same(self, code: str) -> None:
        for one, said in _catalogue(code).items():
            asked = messages()[one]
            assert len(said) == (1 if len(asked) == 1 else 2), one
            for text, meant in zip(said, asked, strict=True):
                assert set(PLACE.findall(text)) == set(PLACE.findall(meant)), one
                assert not _stray_percent(text), one
                text % {name: 1 for name, _ in PLACE.findall(text)}  # raises nothing

    def test_the_markup_is_the_same_and_no_quote_ends_an_attribute(self, code: str) -> None:
        for one, said in _catalogue(code).items():
            for text in said:
                assert MARKUP.findall(text) == MARKUP.findall(one), one
                assert text.count('"') == one.count('"'), one
                assert "<" not in MARKUP.sub("", text), one

    def test_sentences_end_as_in_english_and_nobody_is_addressed(self, code: str) -> None:
        for one, said in _catalogue(code).items():
            for text in said:
                assert text[-1:].isspace() == one[-1:].isspace(), one
                assert (text[-1] == ".") == (one[-1] == "."), one
                assert code != "de" or not ADDRESSED.search(MARKUP.sub("", text)), text


@pytest.mark.parametrize("text", ["90 % von %(num)s", "%(num)s, 90 % sicher", "%(num)s von 100%", "90 %"])
def test_the_check_finds_a_percent_that_is_no_place(text: str) -> None:
    assert _stray_percent(text)
    assert not _stray_percent(re.sub(r"%(?!\()", "%%", text))


@pytest.mark.parametrize("name", reader_templates())
def test_nothing_in_a_template_is_english_alone(name: str) -> None:
    """Words stand in _(…), ngettext(…) or {% trans %}; names of formats may stand anywhere."""
    assert untranslated((templates_folder() / name).read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "<p>Hello there</p>",
        '<a title="Go on">{{ _("To") }}</a>',
        '{{ "two words" if x else _("One") }}',
        "{% set heading = 'Saved' %}",
        "<p>{% trans %}Yes{% endtrans %} and no</p>",
    ],
)
def test_the_check_finds_english(source: str) -> None:
    assert untranslated(source)


def test_the_check_lets_messages_and_names_be() -> None:
    assert untranslated('<a class="go-on" title="{{ _("Go") }}">{% trans %}On{% endtrans %} RSS</a>') == []


class TestSpeaking:
    def test_it_lasts_for_the_block_and_unknown_languages_are_english(self) -> None:
        assert (language(), gettext("Save")) == ("en", "Save")
        with speaking("de"):
            assert (language(), gettext("Save")) == ("de", "Speichern")
            with speaking("tlh"):
                assert (language(), gettext("Save")) == ("en", "Save")
            assert language() == "de"
        assert language() == "en"

    def test_values_are_filled_in_whatever_they_hold(self) -> None:
        with speaking("de"):
            assert gettext("%(name)s: please confirm", name="100 %(x)s") == "100 %(x)s: bitte bestätigen"

    def test_counts_take_the_form_of_the_language(self) -> None:
        one, many = "%(num)s vote", "%(num)s votes"
        assert [ngettext(one, many, n) for n in (0, 1, 1234)] == ["0 votes", "1 vote", "1,234 votes"]
        with speaking("de"):
            said = [ngettext(one, many, n) for n in (0, 1, 1234)]
        assert said == ["0 Stimmen", "1 Stimme", "1.234 Stimmen"]

    def test_dates_and_numbers_are_written_as_there(self) -> None:
        day = date(2026, 3, 16)
        with speaking("de"):
            said = (long_date(day), month(day), short_date(day), short_date(day, beside=date(2027, 1, 1)))
            assert said == ("Montag, 16. März 2026", "März 2026", "16. März", "16. März 2026")
            assert (compact_number(999), compact_number(12_345)) == ("999", "12.345")
            assert listed(["a", "b", "c"]) == "a, b und c"

    def test_a_page_says_which_language_it_is_in(self) -> None:
        assert direction("de") == "ltr"
        with speaking("de"):
            page = render_template("mail/letter.html", subject="x", heading="x", lines=[], link="", button="")
        assert '<html lang="de" dir="ltr">' in page


@pytest.mark.parametrize(
    ("accepted", "best"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", "de"),
        ("en;q=0.3, de;q=0.2", "en"),
        ("fr, de;q=0.1", "de"),
        ("de;q=0", None),
        ("fr", None),
        ("*", None),
        ("", None),
        ("de;q=much, en;q=0.1", "en"),
        (";;;,,,=", None),
    ],
)
def test_the_best_accepted_language_is_found(accepted: str, best: str | None) -> None:
    assert preferred(accepted) == best


def test_a_choice_that_is_known_no_more_gives_way_to_the_default() -> None:
    assert [in_language(code, "de") for code in ("en", None, "tlh")] == ["en", "de", "de"]


REASONS = [
    (
        Reason("author", "x", {"followed": "Ada Example", "listed": "A. Example", "exact": True}),
        "gefolgt: Ada Example",
    ),
    (
        Reason("keyword", "x", {"keywords": ["index", "tree"], "in_title": [], "all": []}),
        "Stichwörter „index“ und „tree“",
    ),
    (Reason("keyword", "x", {"interest": "Proteins"}), "nah am Interesse „Proteins“"),
    (
        Reason("keyword", "x", {"words": ["sparse"], "keywords": ["sparse index"]}),
        "Wort aus „sparse index“: sparse",
    ),
    (Reason("must", "x", {"keywords": ["index"]}), "Pflicht: Stichwort „index“"),
    (Reason("category", "x", {"category": "cs.IR", "all": ["cs.IR"]}), "Kategorie cs.IR"),
    (
        Reason("liked", "x", {"title": "A tree", "origin": "saved", "words": {"tree": 0.5}}),
        "nah an „A tree“, das gespeichert ist: tree",
    ),
    (Reason("votes", "x", {"source": "A site", "votes": 1, "until": "…"}), "1 Stimme bei A site"),
    (
        Reason("growth", "x", {"votes": 12, "from": 3, "to": 12, "since": "2026-08-04T06:00:00+00:00"}),
        "+9 Stimmen seit Dienstag",
    ),
    (
        Reason("growth", "x", {"stars": 12, "per_day": 7.25, "usual": 1.0}),
        "7,2 Sterne am Tag, üblich sind in diesem Alter 1",
    ),
    (Reason("of the future", "as it is", {}), "as it is"),
    (Reason("growth", "as it is", {"since": "no time"}), "as it is"),
]


@pytest.mark.parametrize(("reason", "said"), REASONS)
def test_reasons_are_said_from_their_facts_and_else_as_stored(reason: Reason, said: str) -> None:
    assert said_reason(reason, NOW, "UTC") == reason.text
    with speaking("de"):
        assert said_reason(reason, NOW, "UTC") == said


def test_the_catalogues_are_where_wheel_and_clone_have_them() -> None:
    """Beside the package's modules, so that what ships the one ships the other."""
    for code in OTHERS:
        assert catalogue_path(code).is_relative_to(Path(__file__).resolve().parents[1] / "digest")
        assert catalogue_path(code).is_file()
