"""The reference as Markdown, made from the code: settings, kinds of sources and enrichers, commands.

Everything comes from where the program itself has it: the fields of ``Settings`` and of each kind's
``Options``, the tree of commands, and what ``.env.example`` and ``digest.example.toml`` say of each setting.
"""

import re
import textwrap
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from digest import enrichers, sources
from digest.cli.commands import make_cli
from digest.config import EnricherSettings, Settings, SourceSettings
from digest.translation import LANGUAGES

ROOT = Path(__file__).resolve().parents[2]
TABLES = ("source", "enricher")
# A heading stands before the setting that it is named with; the order is that of the code.
HEADINGS = {
    "data_dir": "The program",
    "list_name": "Mail",
    "hour": "Digests",
    "contact": "Reading and keeping",
    "operator_address": "Telling the operator",
    "web_host": "The web",
}
# What a value that a function checks looks like, by the function's name.
CHECKED = {
    "_to_minutes": "a span of time such as `30m`, `2h` or `1d`",
    "_to_weekday": "`true`, `false` or a day such as `friday`",
    "_check_zone": "a time zone such as `Europe/Berlin`",
    "_check_language": " or ".join(f"`{code}`" for code in LANGUAGES),
    "parse_colour": "a colour such as `#aa2211`",
}
PLAIN: Mapping[object, str] = {
    bool: "`true` or `false`",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    SecretStr: "text, secret",
}
# Words that a setting shares with the one before it.
SAME = "Said together with {confval}`%s`, above."


# --- settings --------------------------------------------------------------------------------------


def settings() -> str:
    """Each setting with its type, default, example and words, in the order of the code."""
    words, examples = _words_of_settings(), _examples()
    parts: list[str] = []
    for name, field in Settings.model_fields.items():
        if name in HEADINGS:
            parts.append(f"## {HEADINGS[name]}")
        if name not in TABLES:
            parts.append(_setting(name, field, words.get(name, ""), examples.get(name, "")))
    missing = sorted(HEADINGS.keys() - Settings.model_fields.keys())
    if missing:
        raise LookupError(f"no setting is named {missing[0]}: mend HEADINGS in docs/_ext/reference_text.py")
    return "\n\n".join(parts)


def _setting(name: str, field: FieldInfo, words: str, example: str) -> str:
    default = _default(field)
    lines = [f"```{{confval}} {name}", f":type: {_type(field.annotation, field.metadata)}"]
    if default:
        lines.append(f":default: {default}")
    lines += ["", words]
    if default in ("", "none") and example:
        lines += ["", f"For example `{example}`."]
    lines += ["", f"In the environment: `DIGEST_{name.upper()}`.", "```"]
    return "\n".join(lines)


def _words_of_settings() -> dict[str, str]:
    """What the comments of .env.example say; settings below one comment share it."""
    said: dict[str, str] = {}
    for block in (ROOT / ".env.example").read_text("utf-8").split("\n\n"):
        lines = block.strip().splitlines()
        names = [found[1].lower() for line in lines if (found := re.match(r"#DIGEST_([A-Z0-9_]+)=", line))]
        words = " ".join(line.lstrip("# ") for line in lines if line.startswith("# "))
        for place, name in enumerate(names):
            said[name] = _marked(words) if place == 0 else SAME % names[0]
    return said


def _marked(words: str) -> str:
    """Plain words as Markdown, with links where settings and pages are named."""
    text = re.sub(r'"(digest [a-z][^"]*)"', r"`\1`", words)
    text = "".join(part if part.startswith("`") else _plain(part) for part in re.split(r"(`[^`]*`)", text))
    return re.sub(r"DIGEST\\_([A-Z_\\]+[A-Z])(?:=(\w+))?", _named_setting, text)


def _named_setting(found: re.Match[str]) -> str:
    name = found[1].replace("\\", "").lower()
    role = f"{{confval}}`{name}`" if name in Settings.model_fields else f"`DIGEST_{name.upper()}`"
    return f"{role} = `{found[2]}`" if found[2] else role


def _plain(text: str) -> str:
    """Text that holds no Markdown."""
    escaped = re.sub(r"([\\`*_\[\]{}<>|])", r"\\\1", text)
    return re.sub(r"docs/([a-z-]+\.md)", _named_page, escaped)


def _named_page(found: re.Match[str]) -> str:
    return f"[{found[1]}](../{found[1]})" if (ROOT / found[0]).is_file() else f"`{found[0]}`"


def _examples() -> dict[str, str]:
    """The line of each setting in digest.example.toml, without its mark of a comment."""
    text = (ROOT / "digest.example.toml").read_text("utf-8").partition("[[source]]")[0]
    lines = re.findall(r"^#(([a-z_0-9]+) = .*)$", text, re.MULTILINE)
    return {name: line for line, name in lines}


# --- kinds -----------------------------------------------------------------------------------------


def kinds() -> str:
    """The keys of every table, then each kind with its options."""
    parts = ["## Keys of every source", _options(SourceSettings), "## Kinds of sources"]
    parts += [_kind(sources.KINDS[name]) for name in sources.KINDS]
    parts += ["## Keys of every enricher", _options(EnricherSettings), "## Kinds of enrichers"]
    parts += [_kind(enrichers.KINDS[name]) for name in enrichers.KINDS]
    return "\n\n".join(parts)


def _kind(kind: sources.SourceKind | enrichers.EnricherKind) -> str:
    facts = [f"Named `{kind.kind}`."]
    if kind.default_url.startswith("http"):
        facts.append(f"Asks `{kind.default_url}` where no `url` is set.")
    if isinstance(kind, sources.SourceKind):
        facts.append(f"Trust {kind.trust}; days read again: {kind.lookback_days}.")
    words = _dedented(kind.Options.__doc__ or "")
    what = "source" if isinstance(kind, sources.SourceKind) else "enricher"
    return "\n\n".join(
        [
            f"### {kind.label}, a kind of {what}",
            " ".join(facts),
            words.replace("``", "`"),
            _options(kind.Options),
        ]
    )


def _dedented(words: str) -> str:
    """A docstring without its indentation."""
    first, _, rest = words.partition("\n")
    return f"{first.strip()}\n{textwrap.dedent(rest)}".strip()


def _options(model: type[BaseModel]) -> str:
    rows = []
    for name, field in model.model_fields.items():
        default = "needed" if field.is_required() else _default(field) or "none"
        rows.append(f"| `{field.alias or name}` | {_type(field.annotation, field.metadata)} | {default} |")
    if not rows:
        return "No options of its own."
    return "\n".join(["| option | value | default |", "|---|---|---|", *rows])


# --- values ----------------------------------------------------------------------------------------


def _default(field: FieldInfo) -> str:
    """As it is written in TOML; empty where it is worked out when the program starts."""
    value = field.default
    if value is PydanticUndefined:
        return ""
    if value is None or value in ("", ()):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def _type(annotation: Any, metadata: list[Any]) -> str:
    checks = [CHECKED[name] for one in metadata if (name := _checked_by(one)) in CHECKED]
    if checks:
        return checks[0]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        inner = next(one for one in arguments if one is not type(None))
        return _type(inner, metadata)
    if origin is typing.Annotated:
        return _type(arguments[0], [*arguments[1:], *metadata])
    if origin is typing.Literal:
        quoted = [f"`{one}`" for one in arguments]
        return f"{', '.join(quoted[:-1])} or {quoted[-1]}"
    if origin in (tuple, list):
        return f"list of {_type(arguments[0], [])}{_bounds(metadata, 'max_length', 'at most %s')}"
    if origin is dict:
        return "table of texts"
    return PLAIN[annotation] + _range(metadata)


def _checked_by(one: object) -> str:
    return getattr(getattr(one, "func", None), "__name__", "")


def _bounds(metadata: list[Any], name: str, words: str) -> str:
    found = [getattr(one, name) for one in metadata if getattr(one, name, None) is not None]
    return f", {words % found[0]}" if found else ""


def _range(metadata: list[Any]) -> str:
    pairs = (
        ("ge", "from %s"),
        ("gt", "more than %s"),
        ("le", "to %s"),
        ("max_length", "at most %s characters"),
    )
    return "".join(_bounds(metadata, name, words) for name, words in pairs).replace(", to", " to")


# --- commands --------------------------------------------------------------------------------------


def commands() -> str:
    """Each command with its arguments and options, in the order of the alphabet."""
    parts = []
    for path, command in walk(typer.main.get_command(make_cli()), ("digest",)):
        parts.append(_command(path, command))
    return "\n\n".join(parts)


def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All commands below one, itself first, each with its words."""
    yield path, command
    for name, below in sorted(getattr(command, "commands", {}).items()):
        if not below.hidden:
            yield from walk(below, (*path, name))


def _command(path: tuple[str, ...], command: Any) -> str:
    group = bool(getattr(command, "commands", {}))
    words = _plain(re.sub(r"\s+", " ", command.help or "").strip())
    parts = [f"## {' '.join(path)}", words, f"```{{program}} {' '.join(path)}\n```"]
    parameters = [one for one in command.params if not getattr(one, "hidden", False)]
    if not group or len(path) == 1:
        parts.append(f"```text\n{_usage(path, parameters, group)}\n```")
        parts += [_parameter(one) for one in parameters]
    return "\n\n".join(parts)


def _usage(path: tuple[str, ...], parameters: list[Any], group: bool) -> str:
    words = list(path)
    if any(one.param_type_name == "option" for one in parameters):
        words.append("[OPTIONS]")
    for one in parameters:
        if one.param_type_name == "argument":
            many = "…" if one.nargs == -1 else ""
            words.append(f"{_argument(one)}{many}" if one.required else f"[{_argument(one)}{many}]")
    return " ".join([*words, "COMMAND …"] if group else words)


def _argument(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name).upper()


def _parameter(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        signature = _argument(parameter)
    else:
        value = "" if parameter.is_flag else f" <{_value(parameter)}>"
        names = [*parameter.opts, *parameter.secondary_opts]
        signature = ", ".join(f"{name}{value}" for name in names)
    words = _plain(re.sub(r"\s+", " ", parameter.help or "").strip())
    facts = []
    if parameter.required and parameter.param_type_name == "option":
        facts.append("Needed.")
    if parameter.multiple and "repeated" not in words:
        facts.append("May be repeated.")
    if isinstance(parameter.default, str | int | float) and str(parameter.default) not in (
        "",
        "True",
        "False",
    ):
        facts.append(f"Without it: `{parameter.default}`.")
    return "\n".join([f"```{{option}} {signature}", " ".join([words, *facts]).strip(), "```"])


def _value(parameter: Any) -> str:
    annotation = parameter.type_descriptor.annotation
    if typing.get_origin(annotation) is list:
        annotation = typing.get_args(annotation)[0]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "|".join(str(one.value) for one in annotation)
    if typing.get_origin(annotation) is typing.Literal:
        return "|".join(typing.get_args(annotation))
    words = {int: "number", float: "number", Path: "path"}.get(annotation, "text")
    return str(parameter.metavar or words).lower().replace(" ", "-")


MAKERS: Mapping[str, Callable[[], str]] = {"settings": settings, "kinds": kinds, "commands": commands}
