"""The notebooks run without a warning, say what is so, and are stored as they ran.

``python tests/test_notebooks.py`` runs them all and stores their outputs;
``python tests/test_notebooks.py IN OUT`` runs one and stores it elsewhere.
"""

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
    return output.output_type, sorted(data), re.sub(r"\d+(\.\d+)?", "#", text)


def _n_figures(notebook):
    return sum("image/png" in output.get("data", {}) for output in _outputs(notebook))


@each_notebook
def test_it_runs_and_gives_what_is_stored(path, tmp_path):
    pytest.importorskip("pandas", "2.1")  # DataFrame.map
    pytest.importorskip("matplotlib", "3.9")  # older ones lose the first figure of a notebook
    # In a process of its own: the client leaves sockets to the garbage collector, which may come
    # to them in the midst of another test.
    command = [sys.executable, __file__, str(path), str(tmp_path / "out.ipynb")]
    done = subprocess.run(command, capture_output=True, text=True)
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
    assert _n_figures(notebook) == sum("plt.subplots(" in cell.source for cell in cells)
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
