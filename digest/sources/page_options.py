"""What a ``[[source]]`` table of the kind ``page`` says: where a list's items are, and their fields."""

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from digest.sources.page_json import read_path
from digest.sources.page_selectors import read_selector

__all__ = ["FIELDS", "REQUIRED", "PageOptions"]

# What is read of each item, in the order in which it is explained.
FIELDS = ("title", "link", "abstract", "authors", "votes", "comments", "stars", "date")
# An item without one of these, where the table names it, is counted as unreadable: a title says what it
# is, a link which one it is.
REQUIRED = ("title", "link")
SAMPLE_DAY = date(2026, 3, 11)


class PageOptions(BaseModel):
    """How the list stands on the page.

    In HTML: ``item`` is the selector of one item, the fields are selectors inside it, and ``container``
    one of an element that is there even where the list is empty. In JSON: ``json`` is the selector of the
    attribute or script that holds it, ``path`` leads to the list in it, and the fields are paths into each
    item; ``count`` and ``page_date`` are paths from the whole. ``next`` is always a selector.

    A selector is CSS, with ``@name`` behind it for an attribute; a path is names and numbers with dots.
    ``count`` is where the page says how many items the list has, ``date_format`` how ``date`` and
    ``page_date`` are written (as ``strptime`` takes it), where that is not one of the usual ways.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    # "json" is a method of every model.
    json_at: str | None = Field(default=None, alias="json")
    path: str = ""
    item: str | None = Field(default=None, validate_default=True)
    container: str | None = None
    title: str
    link: str | None = None
    abstract: str | None = None
    authors: str | None = None
    votes: str | None = None
    comments: str | None = None
    stars: str | None = None
    date: str | None = None
    count: str | None = None
    page_date: str | None = None
    date_format: str | None = Field(default=None, max_length=60)
    next: str | None = None
    max_pages: int = Field(default=5, ge=1, le=40)

    @property
    def is_json(self) -> bool:
        """Whether the list is read out of JSON in the page."""
        return self.json_at is not None

    @field_validator("json_at", "next")
    @classmethod
    def _check_selector(cls, value: str | None) -> str | None:
        if value is not None:
            read_selector(value)
        return value

    @field_validator("path")
    @classmethod
    def _check_path(cls, value: str, info: ValidationInfo) -> str:
        if value and info.data.get("json_at", "wrong") is None:
            raise ValueError("is for a list in JSON; set json too, or leave path out")
        read_path(value)
        return value

    @field_validator("item", "container")
    @classmethod
    def _check_place(cls, value: str | None, info: ValidationInfo) -> str | None:
        if "json_at" not in info.data:
            return value  # wrong itself, and told as that
        if info.data["json_at"] is not None:
            if value is not None:
                raise ValueError("is for lists in HTML; where json is set, path leads to the list")
        elif value is not None:
            if read_selector(value).attribute or not read_selector(value).css:
                raise ValueError("has to select elements; leave out the @attribute")
        elif info.field_name == "item":
            raise ValueError("is needed: the selector of one item of the list (or json, for a list in JSON)")
        return value

    @field_validator(*FIELDS, "count", "page_date")
    @classmethod
    def _check_field(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None or "json_at" not in info.data:
            return value
        if info.data["json_at"] is None:
            read_selector(value)
        elif not read_path(value):
            raise ValueError("is empty; write a path such as paper.title")
        return value

    @field_validator("date_format")
    @classmethod
    def _check_format(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            again = datetime.strptime(SAMPLE_DAY.strftime(value), value).date()
        except ValueError:
            again = None
        if again != SAMPLE_DAY:
            raise ValueError("does not tell a year, a month and a day; write one such as %d.%m.%Y")
        return value
