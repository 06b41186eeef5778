"""The notebooks run without a warning, say what is so, and are stored as they ran.

``python tests/test_notebooks.py`` runs them all and stores their outputs;
``python tests/test_notebooks.py IN OUT`` runs one and stores it elsewhere. The one about Amazon
reviews finds its files as ``sk_dann.datasets.fetch_amazon_reviews`` does.
"""

import ast
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# Run in the kernel before the first cell.
STRICT = (
    "import warnings",
    "warnings.simplefilter('error')",
)
# What a notebook's words say about its results: run in the kernel after the last cell.
CLAIMS = {
    "amazon_reviews": """
assert abs(shares["X_test"].mean() - 0.08) < 0.005
assert abs(reviews.y_test.mean() - 0.5) < 0.01
accuracy, auc = mean["accuracy"], mean["AUC"]
plain, dann, recipe = "network, λ = 0", "DANN, λ = 1", "bag-of-words recipe"
assert abs(accuracy[dann] - accuracy[plain] - 0.06) < 0.01
limit = accuracy["with the target's labels"] - accuracy[plain]
assert accuracy[dann] - accuracy[plain] > limit / 2
assert accuracy[plain] < accuracy["logistic regression"] < accuracy[dann]
on_source = mean["accuracy on the source"]
assert abs(on_source[dann] - on_source[plain]) < 0.005
assert abs(accuracy[recipe] - accuracy[dann]) < 0.01
assert abs(auc[recipe] - auc[dann] - 0.005) < 0.002
assert (mean["predicted positive"] - 0.5).abs().max() < 0.08
assert sum(map(bool, caught.values())) == 2
domain_accuracies = [np.array(m.history_[:, "domain_accuracy"]) for m in (alone, adapted)]
assert 0.7 < domain_accuracies[0][-5:].min() and domain_accuracies[0].max() < 0.8
assert domain_accuracies[1][5:].min() < 0.53 and domain_accuracies[1][5:].max() > 0.65
assert min(adapted.domain_loss_curve_) > 1.1 and alone.loss_curve_[-1] < adapted.loss_curve_[-1]
spread = {}
for name, model in (("λ = 0", alone), ("λ = 1", adapted)):
    logits = [model.predict_log_proba(X) @ [-1, 1] for X in (test[0], test[2])]
    spread[name] = logits[1].std() / logits[0].std()
assert spread["λ = 0"] < spread["λ = 1"]
assert (agreement["λ = 1"] - agreement["λ = 0"]).min() > 0.1
by_group = groups.groupby(group, observed=True).mean()
assert by_group["gain"].between(0.04, 0.1).all() and 0.1 < apart.mean() < 0.15
right = ((after == reviews.y_test) & apart).sum() / apart.sum()
assert right > 2 / 3
assert np.ptp([measure(*each)["accuracy"] for each in steps.values()]) < 0.01
aucs = [measure(*each)["AUC"] for each in steps.values()]
assert 0 < aucs[-1] - aucs[0] < 0.01
""",
    "choosing_lambda": """
confidence, weighted = (search.scores_[n][0, :, 0, 0].mean(-1) for n in search.scores_)
assert (confidence[1:] - confidence[0]).min() > 0.1 and np.ptp(confidence[1:]) < 0.02
assert (weighted[1:] - weighted[0]).min() > 0.02
assert (choice >= 1).sum() == 10 and set(choice[choice < 1].index) == {
    "atc", "soft_neighborhood_density"
}
assert hindsight.mean()[[1, 3]].min() > hindsight.mean()[0] + 0.015
assert 0.025 < hindsight.mean().max() - hindsight.mean()[0] < 0.035
assert 0.01 < regret["regret"].max() < 0.015 and len(names) == 12
assert own.best_params_ == {"dann__lambda_adapt": 1, "tfidf__min_df": 2}
lost = rare_hindsight.mean() - rare_hindsight.mean()[0]
assert misled.lambda_adapt_ > 0 and lost[LAMBDAS[1:]].max() < -0.13 and lost[1] > -0.15
rising = misled.scores_["calibrated_confidence"][0, :, 0, 0].mean(-1)
assert rising[1:].min() > rising[0] + 0.1
level = misled.scores_["importance_weighted"][0, :, 0, 0]
gains = level[1:] - level[0]
assert (np.abs(gains.mean(-1)) < gains.std(-1, ddof=1) / 3**0.5).all() and gains.std() > 0.02
assert told.lambda_adapt_ == 0
assert told.score(rare_test, y_rare_test) > rare_hindsight.mean()[0] + 0.1
""",
    "mixed_table": """
assert winter["temp"].quantile(0.95) < summer["temp"].quantile(0.05)
assert winter["wind_gust"].isna().mean() > 0.5 > winter["pressure"].isna().mean() > 0.1
scaled_temp = (summer["temp"].mean() - winter["temp"].mean()) / winter["temp"].std()
assert 2.5 < scaled_temp < 4.5
assert abs((late == "in time").mean() - 0.75) < 0.03
report = adaptation_report(search.best_estimator_, winter, winter_late, summer, n_splits=3)
assert report.verdict == "do not adapt" and report.overlap < 0.02 and report.moved < 0.05
assert abs(report.source_accuracy.gain) < 0.01
assert any("hardly learned" in finding.why for finding in report.findings)
confidence = path.cv_results_["mean_test_calibrated_confidence"]
assert confidence.argmax() == 0
assert np.ptp(path.cv_results_["mean_test_importance_weighted"]) < 0.03
gain = mean.loc["λ = 1"] - mean.loc["λ = 0"]
assert 0.005 < gain["accuracy"] < 0.015 and 0 < gain["AUC"] < 0.01
told = mean.loc[["λ = 1, shares estimated", "λ = 1, true shares (hindsight)"]]
assert (told - mean.loc["λ = 1"]).loc[:, "accuracy"].between(0.002, 0.01).all()
assert (told["predicted late"] > mean.loc["λ = 1", "predicted late"]).all()
assert abs((test_late == "in time").mean() - 0.69) < 0.005
boosted = mean.loc["gradient boosting on winter"]
assert boosted["accuracy"] < mean.loc["λ = 1", "accuracy"]
assert abs(boosted["AUC"] - mean.loc["λ = 0", "AUC"]) < 0.01
assert set(warned) == {"UncertainSharesWarning"}
assert more[300]["AUC"] < more[1000]["AUC"] - 0.03 and more[1000]["accuracy"] > 0.73
""",
    "quickstart": """
assert mumbai["low_wind"].isna().mean() > 0.45 and chicago["low_wind"].isna().sum() == 1
assert source_scores[0] > source_scores[1]
logistic_, alone, adapted = (mean.xs(name, axis=1, level=1) for name in mean["wet"])
gain = adapted - alone
assert gain.loc["Mumbai", "accuracy"] > 0.1 and gain.loc["Mumbai", "AUC"] > 0.02
assert 0 < gain.loc["Beijing", "accuracy"] < 0.1
assert gain.loc["Auckland", "accuracy"] < 0 < gain.loc["Auckland", "AUC"]
assert (gain.loc["San Diego", ["accuracy", "AUC"]] < 0).all()
assert (logistic_ > adapted).loc["San Diego", ["accuracy", "AUC"]].all()
assert 0.02 < (adapted - logistic_)["AUC"].mean()
assert abs((adapted - logistic_)["accuracy"].mean()) < 0.025
assert shares["fits that warned"].tolist()[:3] == [3, 0, 3]
assert shares.loc["San Diego", "fits that warned"] < 2
assert (adapted["wet"] - np.mean(chicago_wet == "wet")).abs().max() < 0.15
plain, dann = (networks["Mumbai", lambda_adapt, 0]["dann"] for lambda_adapt in (0, 1))
assert plain.domain_loss_curve_[-1] < 0.5 < dann.domain_loss_curve_[-1]
assert plain.loss_curve_[-1] < dann.loss_curve_[-1]
""",
    "when_not_to_adapt": """
assert table["verdict"].to_dict() == {
    "as they are": "cannot tell",
    "20 % great": "do not adapt",
    "90 % great": "cannot tell",
    "alike": "cannot tell",
    "inverted": "do not adapt",
}
shares = [np.mean(y == "great") for y in (food.y_src, food.y_tgt)]
assert np.abs(np.array(shares) - 2 / 3).max() < 0.03
gain = table["λ = 1"] - table["λ = 0"]
estimated = table["shares estimated"] - table["λ = 0"]
assert 0.02 < gain["as they are"] < 0.03
assert 0.2 < estimated["as they are"] / gain["as they are"] < 0.45
assert abs(gain["20 % great"] + 0.14) < 0.005
assert (table.loc["90 % great"][["λ = 0", "λ = 1", "shares estimated"]] < 0.9).all()
assert (table["true shares"] - table[["λ = 0", "λ = 1"]].max(axis=1))[1:3].min() > 0.09
report = reports["90 % great"]
assert abs(report.predicted_shares.source_only[0] - 0.78) < 0.01
assert all(said.count("LabelShiftWarning") == 3 for (case, name), said in warned.items()
           if name == "λ = 1" and case in ("as they are", "20 % great", "90 % great"))
plain = table.loc["20 % great", "λ = 0"]
assert np.ptp([guesses[0.1], guesses[0.2], guesses[0.3]]) < 0.02
assert guesses[0.4] - plain > (guesses[0.2] - plain) / 2 and guesses[0.5] - plain < 0.01
assert abs(gain["alike"]) < 0.01 and (table.loc["inverted"][[*SETTINGS]] < 0.05).all()
report = reports["inverted"]
assert report.overlap < 0.005 and 0.4 < report.disagreement.source_only < 0.6
assert report.disagreement.adapted > 0.5
assert models["alike", "λ = 1", 0].score(X_test, renamed) < 0.02
""",
}

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def run(path, folder):
    """Run a notebook in a new kernel of this interpreter that writes into `folder` alone."""
    notebook = nbformat.read(path, as_version=4)
    claims = nbformat.v4.new_code_cell(CLAIMS[path.stem])
    notebook.cells.append(claims)
    # No folders: not the kernels that a user may have installed, but this Python.
    kernel = AsyncKernelManager(
        kernel_name="python3",
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
        connection_file=str(folder / "kernel.json"),
    )
    client = NotebookClient(
        notebook,
        km=kernel,
        timeout=300,
        record_timing=False,
        coalesce_streams=True,  # what is printed comes in as many pieces as time allows
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=[f"--IPKernelApp.exec_lines={line}" for line in STRICT],
    )
    env = os.environ | {"IPYTHONDIR": str(folder), "OMP_NUM_THREADS": "1"}
    env.pop("COVERAGE_PROCESS_CONFIG", None)  # kernels end without saving what they covered
    client.execute(env=env)
    notebook.cells.remove(claims)
    notebook.metadata = METADATA
    return notebook


def _code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _outputs(notebook):
    return [output for cell in _code_cells(notebook) for output in cell.outputs]


def _in_words(notebook):
    """Return the kinds of each cell's outputs, and their texts with every number left open."""
    return [[_words_of(output) for output in cell.outputs] for cell in _code_cells(notebook)]


def _words_of(output):
    data = output.get("data", {})
    text = output.get("text", data.get("text/html", ""))
    return output.output_type, sorted(data), re.sub(r"\d+(\.\d+)?|\.\d+", "#", text)


def _n_figures(notebook):
    return sum("image/png" in output.get("data", {}) for output in _outputs(notebook))


def _n_drawn(source):
    """Return how many figures the code of a cell makes: its own, and those of displays."""
    return sum(
        call.func.attr == "subplots"
        or ("Display." in ast.unparse(call.func) and "ax" not in {key.arg for key in call.keywords})
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
    )


@each_notebook
def test_it_runs_and_gives_what_is_stored(path, tmp_path, request):
    pytest.importorskip("pandas", "2.1")  # DataFrame.map
    pytest.importorskip("matplotlib", "3.9")  # older ones lose the first figure of a notebook
    env = dict(os.environ)
    if path.stem == "amazon_reviews":  # no download in tests
        env["SK_DANN_DATA"] = str(request.getfixturevalue("amazon_data_home"))
    # In a process of its own: the client leaves sockets to the garbage collector, which may come
    # to them in the midst of another test.
    command = [sys.executable, __file__, str(path), str(tmp_path / "out.ipynb")]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    # It fails where a cell does, and where a claim does not hold.
    assert done.returncode == 0, done.stderr
    notebook = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    assert [o.text for o in _outputs(notebook) if o.get("name") == "stderr"] == []
    assert _n_figures(notebook) > 0
    stored = nbformat.read(path, as_version=4)
    assert _in_words(notebook) == _in_words(stored), "store it: python tests/test_notebooks.py"


@each_notebook
def test_what_is_stored_comes_from_one_run(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = _code_cells(notebook)
    assert [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
    assert _n_figures(notebook) == sum(_n_drawn(cell.source) for cell in cells)
    kinds = {(output.output_type, output.get("name")) for output in _outputs(notebook)}
    assert kinds <= {("stream", "stdout"), ("display_data", None), ("execute_result", None)}


@each_notebook
def test_what_is_stored_says_nothing_of_the_machine(path):
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata == METADATA
    assert all(cell.metadata == {} for cell in notebook.cells)
    for output in _outputs(notebook):
        data = output.get("data", {})
        for text in [output.get("text", ""), *(data[kind] for kind in data if "text/" in kind)]:
            assert not re.search(r"(?<![\w.<])/\w+/\w|\b[A-Z]:\\", text), text
    assert path.stat().st_size < 400_000


if __name__ == "__main__":
    places = [map(Path, sys.argv[1:])] if sys.argv[1:] else zip(NOTEBOOKS, NOTEBOOKS, strict=True)
    for notebook_path, stored_path in places:
        with tempfile.TemporaryDirectory() as scratch:
            nbformat.write(run(notebook_path, Path(scratch)), stored_path)
        print(f"stored {stored_path}", file=sys.stderr)
