"""The reference is made from the code while the documentation is built.

Where a page has a line ``<!-- made from the code: NAME -->``, what :mod:`reference_text` makes under that
name takes its place.
"""

import re

import reference_text
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

MARK = re.compile(r"^<!-- made from the code: ([a-z]+) -->$", re.MULTILINE)


def put_in(_app: Sphinx, _docname: str, source: list[str]) -> None:
    """Replace the marks of a page that is being read."""
    source[0] = MARK.sub(_made, source[0])


def _made(mark: re.Match[str]) -> str:
    make = reference_text.MAKERS.get(mark[1])
    if make is None:
        raise ExtensionError(f"{mark[1]!r} is nothing that is made from the code")
    return make()


def read_again(_app: Sphinx, env: BuildEnvironment, *_: object) -> list[str]:
    """Pages with a mark change with the code, which Sphinx does not watch."""
    return [
        name
        for name in env.found_docs
        if name in env.all_docs and MARK.search(env.doc2path(name).read_text("utf-8"))
    ]


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("source-read", put_in)
    app.connect("env-get-outdated", read_again)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
