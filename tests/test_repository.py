"""Promises about the repository as a whole."""

import importlib
import importlib.metadata
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sk_dann

ROOT = Path(__file__).resolve().parents[1]


# Parts of the estimators, not of what users import.
INTERNAL = {"sk_dann.training"}


def _public_objects():
    """Yield every class and function that users import, once, under its shortest name."""
    packages = [sk_dann] + [
        importlib.import_module(info.name)
        for info in pkgutil.iter_modules(sk_dann.__path__, "sk_dann.")
        if info.ispkg and info.name not in INTERNAL
    ]
    seen = []
    for package in packages:
        for name in getattr(package, "__all__", ()):
            public = getattr(package, name)
            if _deserves_an_example(public) and public not in seen:
                seen.append(public)
                yield pytest.param(public, id=f"{package.__name__}.{name}")


def _deserves_an_example(public):
    """Tell classes and functions from constants, and from the named tuples that others return."""
    if inspect.isclass(public):
        return not issubclass(public, tuple)
    return inspect.isfunction(public)


def test_imports_follow_the_layers():
    command = "from importlinter.cli import lint_imports_command as main; main()"
    done = subprocess.run(
        [sys.executable, "-c", command, "--no-cache", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_version_is_the_installed_one():
    installed = importlib.metadata.version("sk-dann")
    assert sk_dann.__version__ == installed, "run `make --always-make venv` after a version bump"


@pytest.mark.parametrize("public", list(_public_objects()))
def test_public_names_are_documented_with_an_example(public):
    # __doc__ and not getdoc, which would take a base class's docstring for the missing one.
    doc = inspect.cleandoc(public.__doc__ or "")
    assert doc, "no docstring"
    example = re.search(r"^Examples\n-{8}\n(.*)", doc, flags=re.MULTILINE | re.DOTALL)
    assert example, "no Examples section"
    assert ">>> " in example[1], "the Examples section runs nothing"
