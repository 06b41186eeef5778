"""Files that are there as a whole or not at all."""

import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4


@contextmanager
def replacing(path):
    """Give a new name to write to, and move what was written to `path` once it is complete.

    The name is unique, so that processes and threads that write to one path at the same time do
    not write into each other's file: the last one to finish replaces the others' file as a whole.

    Parameters
    ----------
    path : str or path-like
        An existing file is replaced, and its permissions stay. Of a link, what it leads to.

    Yields
    ------
    pathlib.Path
        An empty file in the same folder. It is removed if the block raises.
    """
    path = Path(path).resolve()
    unfinished = path.with_name(f"{uuid4().hex}.unfinished")
    try:
        with unfinished.open("xb") as file:
            mode = os.fstat(file.fileno()).st_mode
        # Writers may make a file of their own in its place, with permissions of their own.
        with suppress(FileNotFoundError):
            mode = path.stat().st_mode
        yield unfinished
        unfinished.chmod(stat.S_IMODE(mode))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
