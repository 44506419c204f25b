"""What a program sends: wishes and feedback, bounded, and without what no text holds."""

from collections.abc import Hashable, Sequence
from typing import Annotated, Final, Literal, TypeVar

from annotated_types import Ge, Le
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
)

from digest.pipeline.rating import MAX_NOTE
from digest.pipeline.wishes import (
    HIDEABLE,
    MAX_ABOUT,
    MAX_ABSTRACT,
    MAX_EXAMPLES,
    MAX_INTERESTS,
    MAX_TITLE,
    MAX_WORD,
    MAX_WORDS,
)
from digest.types import Cadence, FeedbackKind, Section
from digest.web.api.parameters import MAX_ID, NO_NUL

__all__ = ["FeedbackSent", "WishesSent", "WishesShape"]

Item = TypeVar("Item", bound=Hashable)


def _distinct(values: Sequence[Item]) -> Sequence[Item]:
    if len(set(values)) < len(values):
        raise ValueError("each may stand once")
    return values


def _number(value: object) -> object:
    """Numbers are numbers: Pydantic would take texts and truth values too."""
    if isinstance(value, str | bytes | bool):
        raise ValueError("a number is not written as text")  # noqa: TRY004 - Pydantic wants this one
    return value


Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_WORD, pattern=NO_NUL)]
Words = Annotated[
    list[Annotated[str, StringConstraints(max_length=MAX_WORD, pattern=NO_NUL)]],
    Field(max_length=MAX_WORDS),
]
Hidden = Literal["Following", "For you", "Trending", "Rising", "Something different"]
assert set(Hidden.__args__) == {section.value for section in HIDEABLE}  # type: ignore[attr-defined]  # noqa: S101


class Sent(BaseModel):
    """What comes in. What is not known is refused, so that a misspelt wish is not lost."""

    model_config = ConfigDict(extra="forbid")


class ExampleShape(Sent):
    """A paper that speaks for an interest: by its id, or by its words where it is not stored here.

    With an id of a stored paper, the words are that paper's, whatever is sent.
    """

    paper_id: Annotated[int, Ge(1), Le(MAX_ID), BeforeValidator(_number)] | None = None
    title: str = Field("", max_length=MAX_TITLE, pattern=NO_NUL)
    abstract: str = Field("", max_length=MAX_ABSTRACT, pattern=NO_NUL)


class InterestShape(Sent):
    """A topic of its own. One that asks for nothing is not kept."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "Retrieval", "keywords": ["late interaction", "dense retrieval"]}]
        }
    )
    name: Name = Field(description="How you call it; no two alike.")
    about: str = Field("", max_length=MAX_ABOUT, pattern=NO_NUL, description="In sentences.")
    keywords: Words = Field([], description="Papers that hold one of these come first; x^2 counts twice.")
    must_keywords: Words = Field([], description="Only papers that hold all of these.")
    not_keywords: Words = Field([], description="No paper that holds one of these.")
    authors: Words = Field([], description="Names; group:Name; or an ORCID iD, = and the name.")
    categories: Words = []
    examples: list[ExampleShape] = Field([], max_length=MAX_EXAMPLES, description="Papers one likes.")
    only_examples: Annotated[bool, Field(strict=True)] = Field(
        False, description="Learn from these papers alone; no feedback joins this interest."
    )


# Something different is one paper beside others: with all others hidden nothing would be sent.
NOTHING_LEFT: Final[dict[str, JsonValue]] = {
    "allOf": [{"contains": {"const": one.value}} for one in HIDEABLE if one is not Section.DIFFERENT]
}


class WishesShape(Sent):
    """Everything a reader can choose; null where the installation's default holds."""

    interests: list[InterestShape] = Field([], max_length=MAX_INTERESTS)
    cadence: Cadence = Field(Cadence.DAILY, description="How often a digest comes.")
    weekday: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = Field(
        "mon", description="Of a weekly one."
    )
    hour: Annotated[int, Ge(0), Le(23), BeforeValidator(_number)] = Field(
        7, description="From which on it comes."
    )
    zone: str = Field(
        "UTC",
        max_length=64,
        json_schema_extra={"format": "iana-time-zone"},
        description="An IANA time zone.",
        examples=["Europe/Oslo"],
    )
    mail: Annotated[bool, Field(strict=True)] = Field(True, description="Whether it comes by mail.")
    feed: Annotated[bool, Field(strict=True)] = Field(True, description="Whether the private feed shows it.")
    max_papers: Annotated[int, Ge(1), Le(50), BeforeValidator(_number)] | None = Field(
        None, description="Of one digest."
    )
    trend_weight: Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)] | None = Field(
        None, description="0: your interests alone; 1: what trends alone."
    )
    hidden_sections: Annotated[list[Hidden], AfterValidator(_distinct)] = Field(
        [], max_length=len(HIDEABLE) - 1, json_schema_extra={"uniqueItems": True, "not": NOTHING_LEFT}
    )
    language: Literal["en", "de"] | None = Field(None, description="``null``: that of the installation.")


class WishesSent(BaseModel):
    """What ``GET /api/me`` gave, changed; all but ``wishes`` is left as it is."""

    wishes: WishesShape


class FeedbackSent(Sent):
    """What one says of a paper. More and less replace one another."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"paper": 1, "kind": "more"}]})
    paper: Annotated[int, Ge(1), Le(MAX_ID), BeforeValidator(_number)] = Field(description="The paper's id.")
    kind: FeedbackKind
    interest: Name | None = Field(
        None, description="The name of the interest it counts for; left out: the nearest."
    )
    note: str | None = Field(
        None, max_length=MAX_NOTE, pattern=NO_NUL, description="A note beside it; left out: as it was."
    )
