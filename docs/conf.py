"""How the documentation is built: ``./run.sh docs``. Nothing here asks the network."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

from digest import __version__  # noqa: E402 - found only now

project = "Paper digest"
author = "the authors of Paper digest"
project_copyright = "its authors; MIT licence"
version = release = __version__

extensions = ["myst_parser", "repository_links", "made_reference"]
exclude_patterns = ["_ext"]
source_suffix = {".md": "markdown"}
nitpicky = True
highlight_language = "text"
myst_heading_anchors = 4

html_theme = "furo"
html_title = "Paper digest"
html_copy_source = False
html_show_sourcelink = False
html_last_updated_fmt = None
