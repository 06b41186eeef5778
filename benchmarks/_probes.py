"""Measurements that need a process of their own; each prints JSON.

`python _probes.py NAME ARGUMENT...` runs one; `run` does so from another script.
"""

import gc
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def run(name, *arguments, n_threads=1):
    """Run a probe in a fresh process; `n_threads=None` leaves the number to the libraries."""
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    if n_threads is not None:
        for library in ("OMP", "MKL", "OPENBLAS"):
            environment[f"{library}_NUM_THREADS"] = str(n_threads)
    command = [sys.executable, __file__, name, *map(str, arguments)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def resident():
    """Return the resident memory now, in MB."""
    gc.collect()
    return _read("VmRSS")


def peak():
    """Return the highest resident memory since `reset_peak`, in MB.

    ru_maxrss, which stands in where there is no /proc, is never reset, and on Linux a child
    begins with the peak of the process that started it.
    """
    if STATUS.exists():
        return _read("VmHWM")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def reset_peak():
    """Let the peak begin at what is resident now."""
    if CLEAR_REFS.exists():
        CLEAR_REFS.write_text("5")


def _read(key):
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def fit_memory(workload, contender, n_epochs):
    """Peak memory of one fit: in all, and over what imports and input take."""
    from _contenders import CONTENDERS
    from _workloads import WORKLOADS, table

    make = CONTENDERS[contender]
    make(table(n_rows=64))(1)  # libraries set themselves up in the first fit
    fit = make(WORKLOADS[workload]())
    before = resident()
    reset_peak()
    fit(int(n_epochs))
    return {"peak_mb": peak(), "over_input_mb": peak() - before}


def growth(workload, what, n):
    """Resident memory at the quarter points of `n` fits, or of `n` epochs of one fit."""
    from _contenders import Estimator
    from _workloads import WORKLOADS
    from skorch.callbacks import Callback

    n = int(n)
    points, seen = [n // 4, n // 2, 3 * n // 4, n], []
    data = WORKLOADS[workload]()
    rows = (data.X_src, data.y_src, data.X_tgt)

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) in points:
                seen.append(resident())

    if what == "epochs":
        Estimator(data, callbacks=[Watch()]).make(n).fit(*rows)
    else:
        for number in range(1, n + 1):
            Estimator(data).make(1).fit(*rows).predict(data.X_tgt)
            if number in points:
                seen.append(resident())
    return {"at": points, "resident_mb": seen, "growth_mb": seen[-1] - seen[0]}


def search(rounds, n_epochs):
    """Seconds of a grid search of 16 fits with one job and with two, in alternating rounds.

    The last pair is 16 hand-written loops in as many processes: what two cores can give at all.
    """
    import numpy as np
    import torch
    from _contenders import Estimator, Loop
    from _workloads import table
    from joblib import Parallel, delayed
    from sklearn.model_selection import GridSearchCV

    from sk_dann.model_selection import SourceKFold

    rounds, n_epochs = int(rounds), int(n_epochs)
    data, threads = table(), torch.get_num_threads()
    X = np.concatenate([data.X_src, data.X_tgt])
    y = np.concatenate([data.y_src, np.full(len(data.X_tgt), -1)])
    domain = np.repeat([1, -2], len(data.X_src))
    grid = {"alpha": [1e-5, 1e-4, 1e-3, 1e-2]}
    clf, loop = Estimator(data).make(n_epochs), Loop(data)
    scores = []

    def grid_search(n_jobs, n_threads=threads):
        torch.set_num_threads(n_threads)
        found = GridSearchCV(clf, grid, cv=SourceKFold(4), n_jobs=n_jobs, refit=False)
        found.fit(X, y, groups=domain, sample_domain=domain)
        scores.append(found.cv_results_["mean_test_score"])
        assert np.array_equal(scores[-1], scores[0]), "the number of jobs changes the scores"

    def loops(n_jobs):
        torch.set_num_threads(1)
        Parallel(n_jobs)(delayed(loop)(n_epochs) for _ in range(16))

    variants = {
        f"n_jobs=1, torch's {threads} thread(s)": lambda: grid_search(1),
        "n_jobs=1, 1 thread": lambda: grid_search(1, n_threads=1),
        "n_jobs=2": lambda: grid_search(2),
        "16 loops, one process": lambda: loops(1),
        "16 loops, two processes": lambda: loops(2),
    }
    seconds = {name: [] for name in variants}
    # The pool starts and imports; loky would take torch's size for a leak if a first task had none.
    Parallel(2)(delayed(loop)(1) for _ in range(16))
    for number in range(rounds + 1):
        for name, variant in variants.items():
            began = time.perf_counter()
            variant()
            if number:  # the first round warms up
                seconds[name].append(time.perf_counter() - began)
    return seconds


_THEIRS = ("torch", "sklearn", "skorch")
_MODULES = """
import json, sys
import sk_dann
print(json.dumps([name for name in sys.modules if name.split(".")[0] in {theirs!r}]))
"""


def imports(rounds):
    """Seconds of importing sk_dann, and of what it imports of others, each in a process."""
    found = _python(_MODULES.format(theirs=_THEIRS))
    # Made at run time by their packages, these are no files to import.
    lines = "\n".join(f"try: import {name}\nexcept ImportError: pass" for name in json.loads(found))
    variants = {
        "torch, sklearn, skorch": f"import {', '.join(_THEIRS)}",
        "and the submodules that sk_dann needs": f"import {', '.join(_THEIRS)}\n{lines}",
        "sk_dann": "import sk_dann",
    }
    seconds = {name: [] for name in variants}
    for number in range(int(rounds) + 1):
        for name, code in variants.items():
            timed = f"import time\nbegan = time.perf_counter()\n{code}\n"
            took = float(_python(timed + "print(time.perf_counter() - began)"))
            if number:
                seconds[name].append(took)
    return seconds


def _python(code):
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


PROBES = {probe.__name__: probe for probe in (fit_memory, growth, search, imports)}

if __name__ == "__main__":
    print(json.dumps(PROBES[sys.argv[1]](*sys.argv[2:])))
