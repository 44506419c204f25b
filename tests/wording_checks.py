"""What the tests of wording look at: the messages there are, and English that is not one."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from babel.messages.extract import extract_from_dir
from jinja2 import nodes

from digest.templating import environment, templates_folder

ROOT = Path(__file__).resolve().parents[1]
KEYWORDS = {"_": None, "gettext": None, "gettext_noop": None, "ngettext": (1, 2)}
# In no language: names of formats, of sites and of what is typed.
NAMES = frozenset(
    """
    RSS Atom JSON Feed BibTeX RIS CSL-JSON CSV OPML arXiv DOI cs.CL https://doi.org/10.1000/182 2401.12345 MB
    UTF-8
    """.split()  # noqa: SIM905 - a list that is read as words
)
SAID_ATTRIBUTES = re.compile(r'\s(?:aria-label|title|placeholder|alt|text|description)="([^"]*)"')
WORD = re.compile(r"[^\W\d_][\w'’.:/-]*[^\W_]")
SENTENCE = re.compile(r"[A-Z][a-z]{2,}|[a-z]{2,} [a-z]{2,}")
# What such a constant of a template is besides words: a section's value, a class.
CONSTANTS = frozenset({"JSON Feed", "Something different", "Atom"})


@cache
def messages() -> dict[str, tuple[str, ...]]:
    """Every message of program and templates, by its singular: (singular) or (singular, plural)."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["babel"]["mappings"]
    methods = [(one["pattern"], one["method"]) for one in config]
    options = {
        one["pattern"]: {k: v for k, v in one.items() if k not in ("method", "pattern")} for one in config
    }
    found: dict[str, tuple[str, ...]] = {}
    for folder in ("digest", "templates"):
        inner = [(p.removeprefix(f"{folder}/"), m) for p, m in methods if p.startswith(f"{folder}/")]
        given = {p.removeprefix(f"{folder}/"): o for p, o in options.items()}
        for *_, message, _comments, _context in extract_from_dir(
            ROOT / folder, inner, given, keywords=KEYWORDS
        ):
            both = message if isinstance(message, tuple) else (message,)
            found[both[0]] = both
    return found


def reader_templates() -> list[str]:
    """The templates that readers see, by name."""
    folder = templates_folder()
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*.*ml"))
    return sorted(name for name in names if not name.startswith("web/admin/"))


def untranslated(source: str) -> list[str]:
    """The English of a template that is no message."""
    tree = environment().parse(source)
    text = re.sub(r"<pre.*?</pre>|<!--.*?-->|<style.*?</style>", "", "".join(_data(tree)), flags=re.DOTALL)
    said = [*SAID_ATTRIBUTES.findall(text), _outside_tags(text)]
    words = [word for part in said for word in WORD.findall(part) if word not in NAMES]
    return words + [text for text in _constants(tree) if SENTENCE.search(text) and text not in CONSTANTS]


def _outside_tags(text: str) -> str:
    """The text between tags; attributes that a macro or a branch gives by themselves are none of it."""
    return re.sub(r'[a-z-]+="[^"]*"', " ", re.sub(r"<[^>]*>", " ", text))


def _data(node: nodes.Node) -> Iterator[str]:
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.TemplateData):
            yield child.data
        elif isinstance(child, nodes.Expr):
            yield "\x00"
        yield from _data(child)


def _constants(node: nodes.Node) -> Iterator[str]:
    for child in node.iter_child_nodes():
        is_call = isinstance(child, nodes.Call) and isinstance(child.node, nodes.Name)
        if is_call and child.node.name in KEYWORDS:  # type: ignore[attr-defined]
            continue
        if isinstance(child, nodes.Extends | nodes.Include | nodes.FromImport):
            continue
        if isinstance(child, nodes.Const) and isinstance(child.value, str):
            yield child.value
        yield from _constants(child)
