"""Runs parsers in a child process, with a limit on time and on memory.

A page may be made to be slow to read (250 KiB of nested lists keep an HTML parser busy for nine
seconds) or to need more memory than there is. A thread is no help: the HTML parser lets other threads
run meanwhile, but nothing stops it before it is done. A child can be killed.

* :class:`Parsers` keeps children alive and hands them pages (``digest.parsing.child`` is the parent's
  side of one, ``digest.parsing.worker`` what runs in it).
* :class:`InProcess` does the same without a child and without limits: for kinds that exist in this process
  only, as in tests.

What goes to the child is pickled, since the child may trust its parent. What comes back was made by a
program that read a stranger's bytes, so it is JSON, rebuilt and checked field by field against the types'
annotations (``digest.parsing.wire``): a child that was taken over can lie about a page, and no more.
"""

from digest.parsing.pool import InProcess, PageParser, Parsers

__all__ = ["InProcess", "PageParser", "Parsers"]
