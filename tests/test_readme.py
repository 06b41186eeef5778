"""What the README says is so: its code runs, its numbers are those of the benchmarks."""

import json
import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_code_blocks_run_one_after_the_other(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^ *```python\n(.*?)^ *```", README, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == 8
    namespace, printed = {}, []
    for block in map(textwrap.dedent, blocks):
        exec(block, namespace)
        lines = capsys.readouterr().out.splitlines()
        if "adaptation_report(" in block:
            assert lines[0].startswith("Verdict: ")
        else:
            printed += lines
    assert (tmp_path / "features.png").exists()
    accuracy, words, searched, shape, params, score = printed
    assert float(accuracy) > 0.7
    assert float(words) > 0.7
    lambda_adapt, accuracy = (float(number) for number in searched.split())
    assert lambda_adapt > 0
    assert accuracy > 0.75
    assert shape == "(200,)"
    assert "dannclassifier__alpha" in params
    assert 0.5 < float(score) <= 1


@pytest.mark.parametrize(
    ("label", "model"),
    [
        ("logistic regression on the source", "logistic"),
        ("the same network without adaptation", "source-only"),
        (r"\*\*`DANNClassifier\(\)`", "DANN"),
        (r"\*\*`BagOfWordsDANNClassifier\(denoise=False\)`", "recipe, words"),
        (r"\*\*`BagOfWordsDANNClassifier\(\)`", "recipe"),
        ("its networks and features without adaptation", "recipe, λ = 0"),
        ("logistic regression on the target's own labels", "target-trained"),
    ],
)
def test_numbers_are_those_of_the_amazon_benchmark(label, model):
    results = json.loads((ROOT / "benchmarks/results/amazon.json").read_text(encoding="utf-8"))
    row = re.search(rf"^\| {label}.*$", README, flags=re.MULTILINE)[0]
    found = re.findall(r"(?<!± )\.(\d{3})", row)
    means = {
        record["measure"]: record["mean"]
        for record in results["means"]
        if record["model"] == model and record["of"] == "mean of all (12)"
    }
    assert found == [f"{means[measure]:.3f}"[2:] for measure in ("accuracy", "AUC")]


@pytest.mark.parametrize(
    ("label", "fit"),
    [
        ("hand-written torch loop", "hand-written loop"),
        (r"\*\*`DANNClassifier`", "DANNClassifier"),
        (r"\*\*`DANNClassifier\(n_estimators=16\)`", "DANNClassifier, 16 members"),
        ("scikit-learn's `MLPClassifier`", "MLPClassifier, source alone"),
        ("skada", "skada.deep.DANN"),
        ("ADAPT", "ADAPT's DANN"),
    ],
)
def test_ratios_are_those_of_the_speed_benchmark(label, fit):
    path = ROOT / "benchmarks/results/training_speed.json"
    results = json.loads(path.read_text(encoding="utf-8"))["results"]
    row = re.search(rf"^\| {label}.*$", README, flags=re.MULTILINE)[0].replace("*", "")
    found = [float(cell.split()[0]) for cell in row.split("|")[2:4]]
    rows = [next(r for r in results[name] if r["fit"] == fit) for name in ("table", "amazon")]
    assert found == [round(r["medians"]["wall ratio"], 2) for r in rows]


def test_files_and_targets_exist():
    for path in re.findall(r"\]\(((?!http)[^)]+)\)", README):
        assert (ROOT / path).exists(), path
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"\bmake (\w+) ", README):
        assert f"\n{target}:" in makefile


@pytest.mark.parametrize(
    ("label", "model"),
    [
        (r"without adaptation \(`lambda_adapt=0`\) \|", "source-only"),
        (r"\*\*`DANNClassifier\(\)`\*\* \| \.\d+ \(", "plain DANN"),
        (r'`label_shift="estimate"` \|', "estimate"),
        (r"`label_shift=` the true shares", "oracle"),
    ],
)
def test_numbers_are_those_of_the_benchmark_of_harm(label, model):
    results = json.loads((ROOT / "benchmarks/results/no_harm.json").read_text(encoding="utf-8"))
    row = re.search(rf"^\| {label}.*$", README, flags=re.MULTILINE)[0]
    means = {
        (record["of"], record["measure"]): record["mean"]
        for record in results["means"]
        if record["model"] == model
    }
    groups = ("amazon-others 0.5", "amazon-others", "tables-reported")
    expected = [means[of, measure] for of in groups for measure in ("accuracy", "AUC")]
    assert re.findall(r"\.(\d{3})", row) == [f"{value:.3f}"[2:] for value in expected]


def test_numbers_are_those_of_the_benchmark_of_scores():
    path = ROOT / "benchmarks/results/model_selection.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    reported = {
        (row["family"], row["rule"].split(":")[0]): row
        for row in results["rules"]
        if row["half"] == "report"
    }
    families = ("amazon", "amazon-counts", "tables", "tables-estimate", "moons")
    for label, rule, key in (
        ("best λ in hindsight, gain", "oracle", "gain"),
        (r"\*\*`DANNClassifierCV\(\)`, gain", "default", "gain"),
        ("its gain in AUC", "default", "AUC_gain"),
        ("its regret", "default", "regret"),
        ("regret of `reverse_validation`", "reverse_validation", "regret"),
        ("regret of always λ = 1", "always λ = 1", "regret"),
    ):
        row = re.search(rf"^\| {label}.*$", README, flags=re.MULTILINE)[0].replace("−", "-")
        cells = [cell.strip(" *+").split()[0] for cell in row.split("|")[2:-1]]
        expected = [f"{reported[family, rule][key]:.2f}" for family in families]
        assert cells == expected, label
