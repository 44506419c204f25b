"""The two things a child can be asked to do, as values that are pickled on their way to it."""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from pydantic import BaseModel

from digest.sources import get_kind
from digest.sources.saved import parse_saved
from digest.types import PageRequest, ParsedPage

__all__ = ["ParsePage", "ParseSaved", "Work"]


class Work(Protocol):
    """Something to do with the bytes of a page."""

    @property
    def subject(self) -> str:
        """What the page is called in a sentence."""

    @property
    def parser(self) -> str:
        """Whose fault it is if the parser has one."""

    def __call__(self, body: bytes) -> ParsedPage:
        """Parse; raises ``ParseError``, or anything where the parser has a fault."""


@dataclass(frozen=True, slots=True)
class ParsePage:
    """What a kind of source makes of an answer to one of its requests."""

    kind_name: str
    options: BaseModel
    request: PageRequest
    content_type: str
    subject = "the page"

    @property
    def parser(self) -> str:
        """The kind's parser."""
        return f"the parser of kind {self.kind_name}"

    def __call__(self, body: bytes) -> ParsedPage:
        """Find the kind here, in whatever process this is, and parse."""
        kind = get_kind(self.kind_name)
        return kind.parse(body, self.request, self.options, content_type=self.content_type)


@dataclass(frozen=True, slots=True)
class ParseSaved:
    """What a page says that a person saved."""

    today: date
    name: str
    parser = "the parser of saved pages"

    @property
    def subject(self) -> str:
        """The file's name."""
        return self.name or "the file"

    def __call__(self, body: bytes) -> ParsedPage:
        """Parse."""
        return parse_saved(body, today=self.today, name=self.name)
