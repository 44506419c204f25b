"""What pydantic refuses, in our words: what should stand there; never the value, which may be a secret."""

import difflib
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

__all__ = ["did_you_mean", "refusal", "refused_options"]

_NUMBER = "should be a number"
_WHOLE = "should be a whole number"
_SWITCH = "should be true or false"
_LIST = 'should be a list, such as ["one", "two"]'
_TABLE = "should be a table"
# By the type of the error; the places are filled from its context.
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "missing": "is needed",
        "int_type": _WHOLE,
        "int_parsing": _WHOLE,
        "int_from_float": _WHOLE,
        "float_type": _NUMBER,
        "float_parsing": _NUMBER,
        "finite_number": _NUMBER,
        "bool_type": _SWITCH,
        "bool_parsing": _SWITCH,
        "string_type": "should be text in quotes",
        "tuple_type": _LIST,
        "list_type": _LIST,
        "dict_type": _TABLE,
        "model_type": _TABLE,
        "model_attributes_type": _TABLE,
        "greater_than": "should be more than {gt}",
        "greater_than_equal": "should be at least {ge}",
        "less_than": "should be less than {lt}",
        "less_than_equal": "should be at most {le}",
        "literal_error": "should be {expected}",
        "string_too_short": "should be longer; it is empty, or too short",
        "string_too_long": "should be shorter: at most {max_length} characters",
        "too_short": "should have more entries: at least {min_length}",
        "too_long": "should have fewer entries: at most {max_length}",
        "string_pattern_mismatch": "has a character that may not stand there (it should fit {pattern})",
    }
)


def refusal(detail: ErrorDetails) -> str:
    """One fault as what follows the name of a setting: ``should be at most 65535``."""
    words = _WORDS.get(detail["type"])
    if words is not None:
        return words.format_map(detail.get("ctx", {}))
    what = detail["msg"].removeprefix("Value error, ")
    return f"should{what.removeprefix('Input should')}" if what.startswith("Input should") else what


def refused_options(
    error: ValidationError, model: type[BaseModel], common: Iterable[str], above: Collection[str]
) -> list[str]:
    """The faults of a table that holds options of ``model`` besides keys that are common to all kinds.

    ``above`` are the program's own settings: whoever appends one to the file writes it into the last table.
    """
    keys = [field.alias or name for name, field in model.model_fields.items()]
    faults = []
    for detail in error.errors():
        name = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden" and name in above:
            faults.append(f"{name}: is a setting of the program; put it above the first table ([[…]])")
        elif detail["type"] == "extra_forbidden":
            near = did_you_mean(name, [*keys, *common])
            faults.append(f"{name}: is no option of this kind, which knows {', '.join(keys) or 'none'}{near}")
        else:
            faults.append(f"{name}: {refusal(detail)}" if name else refusal(detail))
    return faults


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean X?`` where one of the known names is near, else nothing."""
    by_folded = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), by_folded, n=1)
    return f"; did you mean {by_folded[near[0]]}?" if near else ""
