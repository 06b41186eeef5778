"""How fast does `DANNClassifier` train and predict, and how much memory does it take?

Everything runs in alternating rounds, with one thread unless it says otherwise. Training is
compared with a hand-written torch loop that trains the same network (`_loop.py`), and with other
packages where they are installed. Numbers are medians over rounds, in brackets the lowest and the
highest; a ratio is taken within each round.
"""

import argparse
import contextlib
import shutil
import subprocess
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import _probes
import numpy as np
import pandas as pd
import torch
from _contenders import CONTENDERS, Adapt, Estimator, installed
from _results import provenance, write_json
from _speed_prediction import measure_prediction
from _timing import ratios, spread, timed, versus
from _workloads import WORKLOADS
from threadpoolctl import threadpool_limits

RESULTS = Path(__file__).parent / "results"
N_THREADS = 1
LOOP, DEFAULT_LOOP = "hand-written loop", "loop, default network"
ON_GPU = [name for name in CONTENDERS if "loop" in name or "DANNClassifier" in name]
GOALS = {  # of the time of a step against the loop's, or against that of the smaller vocabulary
    ("table", "DANNClassifier"): 0.6,
    ("table", "DANNClassifier, 16 members"): 0.15,
    ("amazon", "DANNClassifier"): 0.4,
    ("amazon", "DANNClassifier, 16 members"): 0.15,
    ("hashed", "hashed"): 3.0,
    ("hashed", "hashed words"): 3.0,
}
# MB over the input
MEMORY_GOALS = {("hashed", "hashed"): 1500, ("hashed", "hashed words"): 1500}


def race(contenders, workloads, rounds, n_epochs, device):
    """Let all fit in turn, once for one epoch and once for all: name → pairs of runs."""
    runs = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, fit in contenders.items():
            pair = []
            for n in (1, n_epochs):
                run = timed(partial(fit, n), device)
                run.result.check(workloads[name], n, default_network="default" in name)
                if run.result.seconds:
                    run.seconds, run.cpu_seconds = run.result.seconds
                pair.append(run)
            if number:  # the first round warms up
                runs[name].append(pair)
    return runs


def training_rows(question, runs, base_of, memory):
    """Return one row a contender; `memory` says of each what a fit takes."""
    cost = {name: [_cost(pair) for pair in pairs] for name, pairs in runs.items()}
    rows = []
    for name, costs in cost.items():
        (_, whole), (base, goal) = runs[name][0], (base_of(name), GOALS.get((question, name)))
        relative = {
            key: ratios([c[key] for c in costs], [c[key] for c in cost[base]]) for key in costs[0]
        }
        peak, over = memory[name]["peak_mb"], memory[name]["over_input_mb"]
        rows.append(
            {
                "fit": name,
                "µs a step": spread([c["wall"] for c in costs]),
                "beyond set-up": spread([c["marginal"] for c in costs]),
                "CPU µs": spread([c["cpu"] for c in costs]),
                "ms an epoch": f"{np.median([c['epoch'] for c in costs]):.1f}",
                f"/ {'5000' if question == 'hashed' else 'loop'}": spread(relative["wall"], 2),
                "CPU /": spread(relative["cpu"], 2),
                "goal": versus(relative["wall"], goal),
                "peak MB": f"{peak:.0f}",
                "over input": f"{over:.0f}",
                "memory goal": versus([over], MEMORY_GOALS.get((question, name))),
                "layers": whole.result.layers,
                "optimizer": whole.result.optimizer,
                "n_epochs": whole.result.n_epochs,
                "n_steps": whole.result.n_steps,
                "label_loss": [whole.result.losses[0], whole.result.losses[-1]],
                "medians": {key: np.median([c[key] for c in costs]) for key in costs[0]}
                | {f"{key} ratio": np.median(relative[key]) for key in relative},
                "rounds": costs,
            }
        )
    return rows


def _cost(pair):
    """Microseconds a step and member: of the whole fit, and without what one epoch takes too."""
    short, whole = pair
    fit = whole.result
    scale = 1e6 / fit.n_members
    more_steps = fit.n_steps - short.result.n_steps
    return {
        "wall": scale * whole.seconds / fit.n_steps,
        "cpu": scale * whole.cpu_seconds / fit.n_steps,
        "marginal": scale * (whole.seconds - short.seconds) / max(more_steps, 1),
        "epoch": 1e3 * whole.seconds / fit.n_epochs / fit.n_members,
    }


def measure_training(question, args):
    workload = WORKLOADS[question]()
    names = ON_GPU if args.device == "cuda" else installed(CONTENDERS)
    contenders = {name: CONTENDERS[name](workload, args.device) for name in names}
    with contextlib.ExitStack() as stack:
        if args.adapt_python and args.device == "cpu":
            contenders["ADAPT's DANN"] = adapt = Adapt(workload, args.adapt_python)
            stack.callback(adapt.close)
            args.versions |= adapt.versions
        workloads = dict.fromkeys(contenders, workload)
        runs = race(contenders, workloads, args.rounds, args.epochs or 20, args.device)
    memory = {name: _memory(question, name, contenders[name], args) for name in contenders}
    rows = training_rows(
        question, runs, lambda name: DEFAULT_LOOP if "default" in name else LOOP, memory
    )
    if args.device == "cuda":
        for row in rows:
            median = np.median([cost["wall"] for cost in row["rounds"]])
            row["steps a second"] = f"{1e6 / median:.0f}"
            row["utilisation, %"] = utilisation(partial(contenders[row["fit"]], 200))
    return rows


def _memory(question, name, fit, args):
    if isinstance(fit, Adapt):
        return {"peak_mb": fit.peak_mb, "over_input_mb": fit.over_input_mb}
    if args.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        fit(1)
        peak = torch.cuda.max_memory_allocated()
        return {"peak_mb": peak / 2**20, "over_input_mb": (peak - before) / 2**20}
    return _probes.run("fit_memory", question, name, 2)


def utilisation(fit):
    """Median share of the time in which the GPU does anything, as nvidia-smi tells."""
    if shutil.which("nvidia-smi") is None:
        return "unknown"
    command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    watch = subprocess.Popen([*command, "-lms", "100"], stdout=subprocess.PIPE, text=True)
    fit()
    watch.terminate()
    seen = [float(line) for line in watch.communicate()[0].splitlines() if line.strip().isdigit()]
    return f"{np.median(seen):.0f}" if seen else "unknown"


def measure_hashed(args):
    names = ("hashed 5000", "hashed", "hashed words 5000", "hashed words")
    workloads = {name: WORKLOADS[name]() for name in names}
    contenders = {name: Estimator(workload) for name, workload in workloads.items()}
    runs = race(contenders, workloads, args.rounds, args.epochs or 5, "cpu")
    memory = {name: _probes.run("fit_memory", name, "DANNClassifier", 2) for name in contenders}
    return training_rows("hashed", runs, lambda name: f"{name.removesuffix(' 5000')} 5000", memory)


def measure_search(args):
    seconds = _probes.run("search", args.rounds, args.epochs or 40, n_threads=None)
    rows = [{"search": name, "seconds": spread(s, 2), "rounds": s} for name, s in seconds.items()]
    default_threads, one_thread, two_jobs, loops, two_loops = rows
    faster = min(default_threads, one_thread, key=lambda row: np.median(row["rounds"]))
    for row, base, goal in ((two_jobs, faster, 1.6), (two_loops, loops, None)):
        gain = ratios(base["rounds"], row["rounds"])
        row |= {"times as fast": spread(gain, 2), "as": base["search"]}
        row["goal"] = versus(gain, goal, at_least=True)
    return rows


def measure_imports(args):
    seconds = _probes.run("imports", args.rounds)
    rows = [{"import": name, "seconds": spread(s, 2), "rounds": s} for name, s in seconds.items()]
    packages, submodules, ours = rows
    for row, goal in ((packages, None), (submodules, 1.1)):
        more = ratios(ours["rounds"], row["rounds"])
        row |= {"sk_dann / this": spread(more, 2), "goal": versus(more, goal)}
    return rows


def measure_memory(args):
    rows = []
    for workload in ("table", "amazon"):
        for what, n in (("fits", 200), ("epochs", 500)):
            found = _probes.run("growth", workload, what, n)
            row = {"workload": workload, "over": f"{n} {what}"}
            row |= dict(zip(("1/4, MB", "1/2", "3/4", "end"), found["resident_mb"], strict=True))
            rows.append({**row, "growth, MB": found["growth_mb"]})
    return rows


QUESTIONS = {
    "table": partial(measure_training, "table"),
    "amazon": partial(measure_training, "amazon"),
    "hashed": measure_hashed,
    "prediction": measure_prediction,
    "search": measure_search,
    "import": measure_imports,
    "memory": measure_memory,
}
_FOR_JSON = (
    "layers",
    "optimizer",
    "n_epochs",
    "n_steps",
    "label_loss",
    "medians",
    "rounds",
)


def format_table(rows):
    """Return rows as text, without what is for the JSON alone."""
    frame = pd.DataFrame(rows).drop(columns=list(_FOR_JSON), errors="ignore").fillna("")
    frame = frame.loc[:, (frame != "").any()]
    return frame.to_string(index=False, float_format="{:.1f}".format)


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=QUESTIONS, metavar="QUESTION", help=", ".join(QUESTIONS)
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--epochs", type=int, help="of each fit, instead of what the question sets")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--adapt-python", metavar="PATH", help="interpreter with adapt and tensorflow installed"
    )
    parser.add_argument("--json", type=Path, metavar="PATH")
    args = parser.parse_args()
    if args.json is None:
        suffix = "" if args.device == "cpu" else f"_{args.device}"
        args.json = RESULTS / f"training_speed{suffix}.json"
    if args.device == "cuda":
        args.only = [name for name in args.only or QUESTIONS if name in ("table", "amazon")]
    return args


def main():
    """Run, print the tables, write the JSON."""
    args = parse_args()
    torch.set_num_threads(N_THREADS)
    args.versions, results = {}, {}
    with contextlib.suppress(PackageNotFoundError):
        args.versions["skada"] = version("skada")
    settings = {"n_threads": N_THREADS, "rounds": args.rounds, "device": args.device}
    if args.device == "cuda":
        settings["device"] = torch.cuda.get_device_name()
    print(", ".join(f"{key}: {value}" for key, value in settings.items()))
    with threadpool_limits(N_THREADS):
        for name in args.only or QUESTIONS:
            results[name] = QUESTIONS[name](args)
            print(f"\n{name}\n{format_table(results[name])}", flush=True)
    made_by = provenance()
    made_by["versions"] |= args.versions
    if args.adapt_python:  # where it lies is nobody's business
        made_by["command"] = made_by["command"].replace(args.adapt_python, "PATH")
    write_json(args.json, {**made_by, **settings, "results": results})


if __name__ == "__main__":
    main()
