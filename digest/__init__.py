"""One good digest of trending research papers, by mail and as feeds."""

__version__ = "0.1.0"
