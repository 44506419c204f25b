"""What is shown of a paper is true, on one line, and of bounded length."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.cards import card_paragraphs, make_card, sentence_excerpt
from tests.issue_samples import ABSTRACT, HOSTILE, SUMMARY, history, paper


class TestByline:
    @pytest.mark.parametrize(
        ("authors", "shown"),
        [
            ((), ""),
            (("Ada Example",), "Ada Example"),
            (("Ada Example", "Bo Sample", "Cy Case"), "Ada Example, Bo Sample, Cy Case"),
            (("Ada Example", "Bo Sample", "C", "D"), "Ada Example, Bo Sample and 2 more"),
            (("Ada Example", "Bo Sample", *"abcdefghijkl"), "Ada Example, Bo Sample and 12 more"),
            (("", " ", "Ada Example"), "Ada Example"),
        ],
    )
    def test_authors_are_shortened_and_counted(self, authors: tuple[str, ...], shown: str) -> None:
        assert make_card(paper(authors=authors, organisation=None)).byline == shown

    def test_the_organisation_follows(self) -> None:
        assert (
            make_card(paper(authors=("Ada Example",))).byline == "Ada Example · Example Institute of Search"
        )
        assert make_card(paper(authors=())).byline == "Example Institute of Search"


class TestVotes:
    def test_the_words_say_what_the_bars_draw(self) -> None:
        card = make_card(paper(votes=128, votes_history=history(3, 9, 60, 110, 128), comments=1))
        assert card.votes == "128 votes, up from 3 on 13 Mar · 1 comment"
        assert card.spark == "▁▁▃▅▇"

    def test_votes_may_fall(self) -> None:
        card = make_card(paper(votes=40, votes_history=history(50, 40), comments=None))
        assert card.votes == "40 votes, down from 50 on 16 Mar"
        assert card.spark == "▇▁"

    def test_days_are_the_readers(self) -> None:
        late = datetime(2031, 3, 12, 23, 30, tzinfo=UTC)
        shown = paper(
            votes=9, votes_history=((late, 1), (datetime(2031, 3, 15, tzinfo=UTC), 9)), comments=None
        )
        assert make_card(shown, zone="UTC").votes == "9 votes, up from 1 on 12 Mar"
        assert make_card(shown, zone="Europe/Berlin").votes == "9 votes, up from 1 on 13 Mar"

    def test_within_one_day_no_day_is_named(self) -> None:
        assert make_card(paper(votes=9, votes_history=history(1, 9, hours=2), comments=None)).votes == (
            "9 votes, up from 1"
        )

    def test_whether_it_was_one_day_is_the_readers_too(self) -> None:
        evening = datetime(2031, 3, 12, 20, 0, tzinfo=UTC)
        shown = paper(
            votes=9, votes_history=((evening, 1), (evening.replace(hour=23, minute=30), 9)), comments=None
        )
        assert make_card(shown, zone="UTC").votes == "9 votes, up from 1"
        assert make_card(shown, zone="Europe/Berlin").votes == "9 votes, up from 1 on 12 Mar"

    def test_an_earlier_year_is_named(self) -> None:
        times = (datetime(2030, 12, 30, tzinfo=UTC), 2), (datetime(2031, 1, 2, tzinfo=UTC), 8)
        assert "on 30 Dec 2030" in make_card(paper(votes=8, votes_history=times)).votes

    @pytest.mark.parametrize("votes_history", [(), history(7), history(7, 7)])
    def test_nothing_that_moved_draws_nothing(self, votes_history: tuple[tuple[datetime, int], ...]) -> None:
        card = make_card(paper(votes=7, votes_history=votes_history, comments=0))
        assert (card.votes, card.spark) == ("7 votes", "")

    @pytest.mark.parametrize(
        ("votes_history", "reasons", "line", "left"),
        [
            ((), ["7 votes on Kettles"], "1 comment", ("7 votes on Kettles",)),
            (
                (3, 7),
                ["+4 votes since Friday", "7 votes on Kettles"],
                "7 votes, up",
                ("+4 votes since Friday",),
            ),
            ((3, 7), ["7 votes on Kettles"], "7 votes, up", ("7 votes on Kettles",)),
            ((), ["keyword “index”"], "7 votes · 1 comment", ("keyword “index”",)),
            ((), ["17 votes on Kettles"], "7 votes · 1 comment", ("17 votes on Kettles",)),
        ],
    )
    def test_how_many_votes_there_are_is_said_once(
        self, votes_history: tuple[int, ...], reasons: list[str], line: str, left: tuple[str, ...]
    ) -> None:
        shown = paper(votes=7, votes_history=history(*votes_history), comments=1)
        card = make_card(shown, reasons=reasons)
        assert card.votes.startswith(line)
        assert card.reasons == left

    def test_a_count_that_a_reason_told_leaves_no_line(self) -> None:
        card = make_card(paper(votes=1200, votes_history=(), comments=0), reasons=["1200 votes on Kettles"])
        assert (card.votes, card.reasons) == ("", ("1200 votes on Kettles",))

    @pytest.mark.parametrize("votes", [None, 0])
    def test_no_votes_are_not_told(self, votes: int | None) -> None:
        assert make_card(paper(votes=votes, votes_history=(), comments=None)).votes == ""

    def test_bars_stand_at_even_steps_of_time(self) -> None:
        """Three looks on the first day and one a week later do not look like a jump at the end."""
        start = datetime(2031, 3, 1, tzinfo=UTC)
        uneven = (
            (start, 0),
            (start.replace(hour=1), 1),
            (start.replace(hour=2), 2),
            (start.replace(day=8), 100),
        )
        assert make_card(paper(votes=100, votes_history=uneven)).spark == "▁▂▅▇"

    def test_a_long_history_stays_a_short_line(self) -> None:
        assert len(make_card(paper(votes_history=history(*range(200)))).spark) == 12

    @given(
        st.lists(
            st.tuples(
                st.datetimes(datetime(2030, 1, 1), datetime(2031, 1, 1), timezones=st.just(UTC)),
                st.integers(0, 999),
            )
        )
    )
    def test_no_history_breaks_it(self, points: list[tuple[datetime, int]]) -> None:
        make_card(paper(votes=5, votes_history=tuple(sorted(points))))


class TestExcerpt:
    def test_it_ends_with_a_sentence_where_that_fills_half(self) -> None:
        assert sentence_excerpt(ABSTRACT, 340).endswith("the index that moved.")

    def test_else_with_a_word(self) -> None:
        assert sentence_excerpt("one two three " * 10, 30) == "one two three one two three…"

    @pytest.mark.parametrize(
        "text", ["as Ada Example et al. said of it, and so on", "that is, i.e. this one and so on"]
    )
    def test_an_abbreviation_ends_no_sentence(self, text: str) -> None:
        assert not sentence_excerpt(text, 27).endswith(".")

    @given(st.text(), st.integers(0, 100))
    def test_it_is_never_longer_than_asked(self, text: str, limit: int) -> None:
        assert len(sentence_excerpt(text, limit)) <= limit

    def test_wide_letters_count_for_more(self) -> None:
        assert len(make_card(paper(abstract="在不重建索引" * 200)).excerpt) == 204

    def test_a_summary_comes_first_and_says_whose_it_is(self) -> None:
        card = make_card(paper(summary=SUMMARY))
        assert card.machine_made
        assert f"Machine-made summary: {SUMMARY}" in card_paragraphs(card)
        assert not make_card(paper()).machine_made


class TestLinks:
    def test_every_place_to_go_on_to(self) -> None:
        card = make_card(paper(project_url="https://example.org/p"))
        assert [(link.caption, link.url) for link in card.links] == [
            ("Abstract", "https://arxiv.org/abs/3103.00001"),
            ("PDF", "https://arxiv.org/pdf/3103.00001"),
            ("Code (1.2k ★)", "https://github.com/example/fresh-index-1"),
            ("Project", "https://example.org/p"),
            ("Discussion", "https://huggingface.co/papers/3103.00001"),
        ]

    def test_a_search_is_not_called_an_abstract(self) -> None:
        card = make_card(paper(arxiv_id=None, url="https://scholar.google.com/scholar?q=x"))
        assert card.links[0].label == "Look it up"

    @pytest.mark.parametrize(
        "url", ["javascript:alert(1)", "data:text/html,x", "mailto:a@b.org", "file:///x", ""]
    )
    def test_what_is_no_web_address_is_no_link(self, url: str) -> None:
        card = make_card(paper(url=url, pdf_url=url, code_url=url, project_url=url, discussion_url=url))
        assert card.links == ()
        assert card.url is None


class TestBounds:
    def test_everything_is_cut_to_what_can_be_shown(self) -> None:
        long = "word " * 5000
        shown = paper(title=long, authors=(long,) * 3, organisation=long, summary=long)
        card = make_card(shown, interest=long, reasons=[long] * 50)
        assert len(card.title) <= 300
        assert len(card.byline) <= 3 * 60 + 80 + 10
        assert len(card.interest) <= 60
        assert len(card.reasons) == 5
        assert max(map(len, card.reasons)) <= 160
        assert len(card.excerpt) <= 340

    def test_an_empty_title_has_a_name(self) -> None:
        assert make_card(paper(title="\u2028 \x00")).title == "(untitled)"

    @given(st.text(HOSTILE))
    def test_hostile_text_becomes_one_legal_line(self, text: str) -> None:
        card = make_card(paper(title=text, authors=(text,), abstract=text, organisation=text), reasons=[text])
        for line in [card.title, *card_paragraphs(card)]:
            assert len(line.splitlines()) == 1
            line.encode()
