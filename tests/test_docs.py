"""What the documentation says is so: its code runs, its numbers are those of the benchmarks."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
import sklearn

import sk_dann

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *DOCS.glob("user_guide/*.md")])
CODE = re.compile(r"^```python\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
# The estimators are documented as sk_dann's, where users import them from.
UNLISTED = {"sk_dann.estimators", "sk_dann.training", "sk_dann._demo"}

each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)


@pytest.mark.parametrize(
    "path", [path for path in PAGES if CODE.search(path.read_text("utf-8"))], ids=lambda p: p.stem
)
def test_code_blocks_run_one_after_the_other(path):
    namespace = {}
    with sklearn.config_context():
        for block in CODE.findall(path.read_text(encoding="utf-8")):
            exec(block, namespace)
