"""``python -m digest`` is the command ``digest``, for where that is not on the path."""

from digest.cli import main

if __name__ == "__main__":
    main()
