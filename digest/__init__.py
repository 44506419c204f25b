"""One good digest of trending research papers, by mail and as feeds."""

import os

__version__ = "0.1.0"

# Before numpy is imported: its products here are small, and on a busy machine a second thread that waits for
# its turn makes each of them take many times as long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
