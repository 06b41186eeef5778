import io
from contextlib import redirect_stdout

import pytest

from sk_dann._demo._cli import main


@pytest.fixture(scope="session")
def run_demo():
    """Return a function that runs the demo in this process and returns what it prints."""

    def run(*args):
        printed = io.StringIO()
        with redirect_stdout(printed):
            main(list(map(str, args)))
        return printed.getvalue()

    return run
