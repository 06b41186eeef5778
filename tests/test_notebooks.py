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
# What a notebook's words say about its results, as far as it holds on any machine: training in
# single precision ends elsewhere where a processor rounds differently. Run after the last cell.
CLAIMS = {
    "amazon_reviews": """
accuracy, auc = mean["accuracy"], mean["AUC"]
plain, dann, recipe = "network, λ = 0", "DANN, λ = 1", "bag-of-words recipe"
assert accuracy[dann] > accuracy[plain] + 0.03 and auc[dann] > auc[plain] + 0.03
assert accuracy[dann] > accuracy["logistic regression"]
assert accuracy["with the target's labels"] > accuracy[[dann, recipe]].max()
on_source = mean["accuracy on the source"]
assert abs(on_source[dann] - on_source[plain]) < 0.02
assert abs(accuracy[recipe] - accuracy[dann]) < 0.03
assert (agreement["λ = 1"] - agreement["λ = 0"]).min() > 0.03
assert groups["gain"].mean() > 0.03
""",
    "choosing_lambda": """
confidence = search.scores_["calibrated_confidence"][0, :, 0, 0].mean(-1)
assert confidence[1:].min() > confidence[0]
assert len(names) == 12 and choice.isin(LAMBDAS).all()
assert hindsight.mean()[1] > hindsight.mean()[0]
assert rare_hindsight.mean()[[1, 3]].max() < rare_hindsight.mean()[0] - 0.05
assert misled.lambda_adapt_ > 0
assert told.score(rare_test, y_rare_test) > rare_hindsight.mean()[0]
""",
    "mixed_table": """
assert winter["temp"].quantile(0.95) < summer["temp"].quantile(0.05)
assert winter["wind_gust"].isna().mean() > 0.5 > winter["pressure"].isna().mean() > 0.1
assert abs((late == "in time").mean() - 0.75) < 0.03
gain = mean.loc["λ = 1"] - mean.loc["λ = 0"]
assert gain[["accuracy", "AUC"]].abs().max() < 0.04
assert more[2000]["AUC"] > more[0]["AUC"] + 0.03
""",
    "quickstart": """
assert mumbai["low_wind"].isna().mean() > 0.45 and chicago["low_wind"].isna().sum() == 1
_, alone, adapted = (mean.xs(name, axis=1, level=1) for name in mean["wet"])
gain = adapted - alone
assert gain.loc["Mumbai", "accuracy"] > 0.1 and gain.loc["Mumbai", "AUC"] > 0
assert gain.loc["San Diego", "AUC"] < 0
plain, dann = (networks["Mumbai", lambda_adapt, 0]["dann"] for lambda_adapt in (0, 1))
assert plain.domain_loss_curve_[-1] < dann.domain_loss_curve_[-1]
""",
    "when_not_to_adapt": """
gain = table["λ = 1"] - table["λ = 0"]
assert gain["as they are"] > 0
assert gain["20 % great"] < -0.05
assert (table["true shares"] - table[["λ = 0", "λ = 1"]].max(axis=1))[1:3].min() > 0.03
assert abs(gain["alike"]) < 0.02 and (table.loc["inverted"][[*SETTINGS]] < 0.15).all()
assert reports["inverted"].overlap < 0.05
assert models["alike", "λ = 1", 0].score(X_test, renamed) < 0.05
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
def test_it_runs_and_its_claims_hold(path, tmp_path, request):
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
    assert _n_figures(notebook) == _n_figures(nbformat.read(path, as_version=4)) > 0


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
