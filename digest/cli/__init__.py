"""The command line: verb, then noun. Knows words, not papers.

Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 1 partly failed, 2 wrong
usage or settings.
"""

import gc
import os
import sys
from collections.abc import Sequence

from digest.errors import DigestError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code. Errors that are not bugs are one sentence on stderr."""
    from digest.cli.commands import make_cli
    from digest.cli.state import check_words, forgive_streams

    words = hoist(list(sys.argv[1:] if argv is None else argv))
    forgive_streams()
    try:
        check_words(words)
        make_cli()(args=words, prog_name="digest")
    except DigestError as error:
        sys.stderr.write("".join(f"digest: {line}\n" for line in str(error).splitlines() or [repr(error)]))
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # Whoever read our output has left; a second complaint at exit helps nobody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    finally:
        if argv is None:
            # The process ends here. Its last walks over the objects of all modules would find nothing to do,
            # and take a sixth of a short command's time.
            gc.freeze()


def hoist(words: list[str]) -> list[str]:
    """Move ``--now X`` to the front, so that it may stand anywhere, as a global option should."""
    end = words.index("--") if "--" in words else len(words)
    front: list[str] = []
    rest: list[str] = []
    position = 0
    while position < end:
        word = words[position]
        if word == "--now" and position + 1 < end:
            front += words[position : position + 2]
            position += 2
        elif word.startswith("--now="):
            front.append(word)
            position += 1
        else:
            rest.append(word)
            position += 1
    return front + rest + words[end:]
