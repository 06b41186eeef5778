"""What all tests share: where the reference data lie, what Ctrl-C does, how hard to look."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings
from joblib.externals.loky import get_reusable_executor

from sk_dann import _warnings

# "ci" draws the same examples in every run; look wider with --hypothesis-profile=thorough.
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=25)
settings.register_profile("thorough", deadline=None, max_examples=1000)
# Wide rather than deep, for tests/test_fuzz.py.
settings.register_profile("fuzz", deadline=None, max_examples=10_000)
# For tests/test_stock_fuzz.py.
settings.register_profile("stock", deadline=None, max_examples=2000)
settings.load_profile("ci")

# Resolved at once, so that tests may change the working directory.
_BESIDE_THE_CHECKOUT = Path(__file__).resolve().parents[2] / "shared" / "data"
_DATA_HOMES = [
    Path(home).resolve() for home in (os.environ.get("SK_DANN_DATA"), _BESIDE_THE_CHECKOUT) if home
]


def _home_of(folder):
    for home in _DATA_HOMES:
        if (home / folder).is_dir():
            return home
    pytest.skip(f"no folder {folder}/ in SK_DANN_DATA nor in ../shared/data beside the checkout")


@pytest.fixture(scope="session")
def amazon_data_home():
    """The data home that holds ``amazon_reviews/``, the benchmark of the DANN paper."""
    return _home_of("amazon_reviews")


@pytest.fixture(scope="session")
def golden_dir():
    """The folder with what the paper authors' own code computed, one ``.npz`` a problem."""
    return _home_of("golden") / "golden"


@pytest.fixture(autouse=True)
def _forget_what_was_said():
    """Let every test see warnings that come once a process."""
    _warnings._said.clear()


@pytest.fixture
def default_ctrl_c():
    """Let SIGINT raise KeyboardInterrupt: shells have their background jobs ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def _end_joblib_workers():
    """End joblib's idle workers with the tests, so that their lines count as covered."""
    yield
    get_reusable_executor(reuse=True).shutdown(wait=True)


@pytest.fixture
def texts_apart():
    """Return a function that asserts that texts lie in the figure and on no other."""

    def check(figure, texts):
        figure.canvas.draw()
        boxes = [text.get_window_extent() for text in texts if text.get_text()]
        inside = figure.bbox
        for i, box in enumerate(boxes):
            assert inside.x0 <= box.x0 <= box.x1 <= inside.x1
            assert inside.y0 <= box.y0 <= box.y1 <= inside.y1
            assert box.count_overlaps(boxes[:i]) == 0

    return check
