"""What the documentation says is so: its code runs, its numbers are those of the benchmarks."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
import sklearn

import sk_dann
from sk_dann.model_selection import get_scorer_names

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    path.stem: path.read_text(encoding="utf-8")
    for pattern in ("*.md", "user_guide/*.md")
    for path in sorted((ROOT / "docs").glob(pattern))
}
CODE = re.compile(r"^```python\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
# The estimators are documented as sk_dann's, where users import them from; the others are parts.
UNLISTED = {"estimators", "training"}
# Pages with tests of their own.
RUN_ELSEWHERE = {"pictures", "storage"}
# What the words of a page say about the results of its code: run after it.
CLAIMS = {
    "method": """
assert f.grad.tolist() == [-0.5, -0.5]
assert losses[0] + 0.1 < losses[1] < 2 * np.log(2)
assert abs(distances[0] - distances[1]) < 0.1 and distances[0] > 1
""",
    "ways_in": """
assert clf.predict_domain_proba(X_tgt).shape == (200, 3)
apart = DANNClassifier(max_iter=2, random_state=0).fit(X_src, y_src, X_tgt)
both = DANNClassifier(max_iter=2, random_state=0).fit(X, y, sample_domain=domain)
assert (apart.predict_proba(X_tgt) == both.predict_proba(X_tgt)).all()
""",
    "lambda": "assert search.lambda_adapt_ in (0, 0.3, 1) and search.score(X_tgt, y_tgt) > 0.7",
    "label_shift": """
plain = DANNClassifier(random_state=0).fit(X_src, y_src, X_tgt)
assert plain.score(X_tgt, y_tgt) < told.score(X_tgt, y_tgt)
assert guess.share_estimate_.reason is None
assert np.abs(guess.target_class_shares_ - shares).max() < 0.05
""",
    "data": """
assert clf.score(tfidf.transform(test), test_is_great) > 0.7
assert words.score(counts.transform(test), test_is_great) > 0.7
""",
    "migration": "assert (y_pred == y_tgt).mean() > 0.7",
}


@pytest.mark.parametrize(
    "name", [name for name in sorted(PAGES.keys() - RUN_ELSEWHERE) if CODE.search(PAGES[name])]
)
def test_code_blocks_run_one_after_the_other(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    namespace = {}
    with sklearn.config_context():
        for block in [*CODE.findall(PAGES[name]), CLAIMS.get(name, "")]:
            exec(block, namespace)


def _reference():
    """Return the modules that the reference lists, by their names."""
    names = re.findall(r"^   (sk_dann\S*)$", PAGES["api"], flags=re.MULTILINE)
    return {name: importlib.import_module(name) for name in names}


def test_the_reference_lists_every_public_subpackage():
    modules = {
        f"sk_dann.{info.name}": importlib.import_module(f"sk_dann.{info.name}")
        for info in pkgutil.iter_modules(sk_dann.__path__)
        if info.name not in UNLISTED and not info.name.startswith("_")
    }
    public = {name for name, module in modules.items() if hasattr(module, "__all__")}
    assert set(_reference()) == {"sk_dann", *public}
    assert set(sk_dann.estimators.__all__) < set(sk_dann.__all__)


@pytest.mark.parametrize("module", _reference())
def test_the_reference_has_a_page_for_every_public_name(module):
    folder = ROOT / "docs/generated"
    if not folder.exists():
        pytest.skip("the pages are not built: make docs")
    for name in sk_dann.__all__ if module == "sk_dann" else _reference()[module].__all__:
        if not name.startswith("_"):
            assert (folder / f"{module}.{name}.rst").exists(), "build the pages anew: make docs"


# Numbers


def _numbers(text):
    """Return the decimal numbers of a page's prose and tables, without zeros before the point."""
    text = re.sub(r"^```.*?^```|\$\$.*?\$\$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`]*`|\$[^$]*\$|\]\([^)]*\)", "", text)
    return {number.lstrip("0") for number in re.findall(r"(?<![\w.])\d*\.\d+(?![\w.])", text)}


BENCHMARKS, README = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("benchmarks/README.md", "README.md")
)


@pytest.mark.parametrize("name", PAGES)
def test_numbers_are_those_of_the_benchmarks(name):
    versions = {"2.21", "3.14"}  # of TensorFlow and Python
    assert _numbers(PAGES[name]) - _numbers(BENCHMARKS) - _numbers(README) <= versions


def _row(text, label):
    """Return the cells of the first row of a table that begins like this, emphasis left out."""
    text = text.replace("**", "")
    return [cell.strip() for cell in re.search(rf"^\| {label}.*$", text, re.M)[0].split("|")[2:-1]]


@pytest.mark.parametrize(
    ("label", "in_benchmarks"),
    [
        (r"`DANNClassifier\(lambda_adapt=0\)`", "source-only"),
        (r"`DANNClassifier\(\)`", "DANN, "),
        (r"`CDANClassifier\(\)`", "CDAN, "),
        (r"`DANNClassifier\(n_estimators=8\)`", "DANN × 8"),
        (r"`BagOfWordsDANNClassifier\(denoise=False\)`", "recipe, words: "),
        (r"`BagOfWordsDANNClassifier\(\)`", "recipe: "),
    ],
)
def test_the_estimators_are_those_of_the_amazon_benchmark(label, in_benchmarks):
    accuracy, _, _, auc, _, seconds = _row(BENCHMARKS, in_benchmarks)
    expected = [accuracy.split()[0], auc.split()[0], seconds]
    assert _row(PAGES["estimators"], label) == expected


_WITHOUT_LABELS = sorted(set(get_scorer_names()) - {"oracle_accuracy"})


@pytest.mark.parametrize("label", ["the default", *_WITHOUT_LABELS, "always λ = 1", "always λ = 0"])
def test_scores_are_those_of_their_benchmark(label):
    reported = BENCHMARKS.partition("Tasks that report: mean regret")[2]
    cells = _row(reported, "default" if label == "the default" else f"`?{label}`? ")
    assert _row(PAGES["lambda"], f"`?{label}")[1:] == [cells[0], cells[2], cells[3]]


@pytest.mark.parametrize(
    "label", ["without adaptation", r"`DANNClassifier\(\)`", '`label_shift="', "`label_shift=` the"]
)
def test_class_shares_are_those_of_the_readme(label):
    harm = README.partition("## When adapting hurts")[2]
    assert _row(PAGES["label_shift"], label) == _row(harm, label)
