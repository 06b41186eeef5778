"""Warnings reach the user once, where the user called, and threads do not lose them."""

import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sk_dann import DANNClassifier, DANNClassifierCV
from sk_dann._warnings import collected_warnings, warn_user
from sk_dann.exceptions import LabelShiftWarning, NoTargetWarning
from sk_dann.inspection import adaptation_report


def _warn(message, category=UserWarning):
    warn_user(message, category)


def test_warn_user_points_at_the_line_that_called():
    with pytest.warns(UserWarning, match="look here") as caught:
        _warn("look here")
    assert caught[0].filename == __file__


def _messages(action, calls):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(action)
        for message, category in calls:
            _warn(message, category)
    return [str(warning.message) for warning in caught]


def test_warn_user_says_a_reason_once_by_default():
    shifts = [(f"{share} %", LabelShiftWarning) for share in (10, 20, 30)]
    others = [("a", UserWarning), ("b", UserWarning), ("a", UserWarning)]
    # Python's own register forgets whenever filters change.
    assert _messages("default", shifts) + _messages("default", shifts) == ["10 %"]
    assert _messages("default", others) == ["a", "b"]
    assert _messages("always", shifts) == ["10 %", "20 %", "30 %"]
    assert _messages("ignore", shifts) == []
    with pytest.raises(LabelShiftWarning, match="10 %"):
        _messages("error", shifts)


def test_collected_warnings_are_not_given():
    with collected_warnings() as outer:
        with collected_warnings(NoTargetWarning) as inner:
            _warn("no target", NoTargetWarning)
            _warn("something else")
        _warn("later")
    assert inner == [("no target", NoTargetWarning)]
    assert outer == [("something else", UserWarning), ("later", UserWarning)]
    with pytest.warns(UserWarning, match="at last"):
        _warn("at last")


def test_collected_warnings_are_those_of_the_thread():
    def collect(number):
        with collected_warnings() as said:
            for _ in range(50):
                _warn(str(number))
        return {message for message, _ in said}

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(collect, range(4))) == [{"0"}, {"1"}, {"2"}, {"3"}]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(100, 5)), np.arange(100) % 2, rng.normal(size=(100, 5))


@pytest.mark.parametrize(
    "job",
    [
        lambda clf, data: DANNClassifierCV(clf, lambdas=[0, 1], cv=2).fit(*data),
        lambda clf, data: adaptation_report(clf, *data, n_splits=2),
    ],
    ids=["search", "report"],
)
def test_threads_leave_no_filter_and_no_recorder(data, job):
    def run(n):
        return job(DANNClassifier((4,), max_iter=2 * (1 + n % 3)), data)

    before = list(warnings.filters), warnings._showwarnmsg_impl
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(8)))
    ours = [f for f in warnings.filters if f not in before[0] and "sk_dann" in str(f[2])]
    assert ours == []
    assert warnings._showwarnmsg_impl is before[1]


def test_no_module_sets_filters():
    code = (
        "import pathlib, sk_dann, re\n"
        "for path in pathlib.Path(sk_dann.__file__).parent.rglob('*.py'):\n"
        "    for line in path.read_text(encoding='utf-8').splitlines():\n"
        "        if re.search(r'catch_warnings\\(|simplefilter|filterwarnings', line):\n"
        "            if '>>>' not in line: print(path.name, line)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
