"""The web: pages, feeds and the JSON interface. Knows HTTP, not papers.

What is shown comes from the pipeline; here is only how it is asked for and how it is answered.
"""

from digest.web.application import Web, make_web

__all__ = ["Web", "make_web"]
