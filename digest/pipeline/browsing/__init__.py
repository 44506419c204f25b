"""Browsing: what trends, what is searched for, one paper, the archive. Reads only.

:class:`Browser` is the one way in; queries and pages are frozen values.
"""

from digest.pipeline.browsing.archive import ArchivePage
from digest.pipeline.browsing.browser import Browser
from digest.pipeline.browsing.paper import PaperPage
from digest.pipeline.browsing.periods import FIRST_DAY, LAST_DAY, Period, Span
from digest.pipeline.browsing.searching import SearchPage, SearchQuery
from digest.pipeline.browsing.stories import Mark, Story, make_story
from digest.pipeline.browsing.trending import Sort, TrendPage, TrendQuery

__all__ = [
    "FIRST_DAY",
    "LAST_DAY",
    "ArchivePage",
    "Browser",
    "Mark",
    "PaperPage",
    "Period",
    "SearchPage",
    "SearchQuery",
    "Sort",
    "Span",
    "Story",
    "TrendPage",
    "TrendQuery",
    "make_story",
]
