"""Links from a page to Markdown of the repository (``../deploy/README.md``) become downloads of that file.

On the repository's own page such links lead to the file; in the built documentation there is nothing beside
the pages, so the file is taken along, as MyST does by itself with files of other kinds. A link to a file that
does not exist stays as it is, and the build warns.
"""

from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.transforms import Transform
from sphinx import addnodes
from sphinx.application import Sphinx


class TakeFilesAlong(Transform):
    """Makes a download of each link that leads out of the documentation's folder."""

    default_priority = 5

    def apply(self, **_: Any) -> None:
        """Change the document in place."""
        env = self.document.settings.env
        docs = Path(env.srcdir).resolve()
        for link in list(self.document.findall(addnodes.pending_xref)):
            # MyST names such a target as it would a page: absolute, without .md.
            file = Path(f"{link.get('reftarget', '')}.md")
            if link.get("refdomain") == "doc" and file.is_file() and docs not in file.parents:
                download = addnodes.download_reference("", "", reftarget=f"/../{_from_top(file, docs)}")
                download += nodes.inline("", link.astext())
                link.replace_self(download)


def _from_top(file: Path, docs: Path) -> str:
    """A file's path in the repository."""
    return file.relative_to(docs.parent).as_posix()


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_transform(TakeFilesAlong)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
