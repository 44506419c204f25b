"""The parameters of the interface: bounded, without NUL, and written as the schema says, not nearly so."""

import re
from datetime import date
from typing import Annotated

from annotated_types import Ge, Le
from fastapi import Path, Query
from pydantic import BeforeValidator

from digest.pipeline.programs import CURSOR

__all__ = [
    "MAX_ID",
    "NO_NUL",
    "Category",
    "Cursor",
    "Day",
    "Limit",
    "PaperId",
    "Place",
    "SourceName",
]

NO_NUL = r"^[^\x00]*$"
MAX_ID = 2**31 - 1
MAX_LIMIT = 100
PLACE = r"^[0-9]{1,9}$"
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
WHOLE = re.compile(r"-?[0-9]{1,18}")


def _written_out(value: object) -> object:
    """A day is written as one: Pydantic would take a number of seconds too."""
    if isinstance(value, str) and not DAY.fullmatch(value):
        raise ValueError("a day is written YYYY-MM-DD")
    return value


def _whole(value: object) -> object:
    """A whole number in an address is digits: Pydantic would take 1_0 and 1.0 too."""
    if isinstance(value, str) and not WHOLE.fullmatch(value):
        raise ValueError("a whole number is written in digits")
    return value


# The bounds stand before the validator: only so does Pydantic write them into the schema.
PaperId = Annotated[
    int, Ge(1), Le(MAX_ID), BeforeValidator(_whole), Path(description="A paper's id here.", examples=[1])
]
Limit = Annotated[int, Ge(1), Le(MAX_LIMIT), BeforeValidator(_whole), Query(description="How many at most.")]
Cursor = Annotated[
    str | None,
    Query(pattern=CURSOR, description="`next` of the page before; left out for the first page."),
]
Place = Annotated[
    str | None,
    Query(pattern=PLACE, description="`next` of the page before; left out for the first page."),
]
Day = Annotated[date, BeforeValidator(_written_out)]
SourceName = Annotated[
    str | None,
    Query(
        alias="source",
        min_length=1,
        max_length=100,
        pattern=NO_NUL,
        description="Only what this source listed (its `name` in `/api/sources`).",
        examples=["huggingface"],
    ),
]
Category = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=100,
        pattern=NO_NUL,
        description="Only this category, exactly as sources write it.",
        examples=["cs.CL"],
    ),
]
