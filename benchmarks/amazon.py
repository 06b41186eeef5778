"""Amazon reviews, the paper's benchmark: ways of adapting beside the same network without it.

Accuracy and AUC on the target's test rows. tf-idf (sublinear) is fitted on the training rows of
both domains. `source-only` is `DANN` with lambda_adapt=0 and label_shift=None, so it takes the same
steps and knows nothing of the target. Other libraries are left out where they are not installed.
"""

import argparse
import json
from pathlib import Path

import torch
from _amazon_cli import parse_param, parse_task
from _amazon_models import models
from _amazon_report import draw, format_means, format_tasks, legend, summarize, to_frame, to_means
from _results import provenance, write_json
from _reviews import Reviews
from _tasks import AMAZON_TASKS
from joblib import Parallel, delayed
from tqdm import tqdm

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "amazon.json"
PICTURE = HERE.parent / "docs" / "amazon.png"
N_THREADS = 1
MEASURES = ("accuracy", "AUC", "fit_seconds")


def run_task(task, seeds, known):
    """Return a run for each model, seed and measure; one seed where nothing is random."""
    torch.set_num_threads(N_THREADS)
    data = Reviews(*task)
    runs = []
    for name, model in known.items():
        for seed in seeds if model.is_random else seeds[:1]:
            about = {"task": "→".join(task), "seed": seed, "model": name}
            found = zip(MEASURES, model.run(data, seed), strict=True)
            runs += [about | {"measure": measure, "value": value} for measure, value in found]
    return runs


def run_all(tasks, seeds, known, n_jobs):
    """Return the runs of all tasks."""
    runs = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(run_task)(task, list(seeds), known) for task in tasks
    )
    progress = tqdm(runs, total=len(tasks), unit="task", leave=False, disable=None)
    return [run for part in progress for run in part]


def add_earlier(runs, about, path):
    """Return runs and descriptions with those of a JSON that were not made again."""
    earlier = json.loads(path.read_text(encoding="utf-8"))
    made = {(run["task"], run["seed"], run["model"]) for run in runs}
    kept = [run for run in earlier["runs"] if (run["task"], run["seed"], run["model"]) not in made]
    return kept + runs, earlier.get("models", {}) | about


def parse_args():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds, from 0 on")
    parser.add_argument("--tasks", type=parse_task, nargs="+", default=AMAZON_TASKS)
    parser.add_argument(
        "--models", nargs="*", choices=list(models({})), help="all that are installed by default"
    )
    parser.add_argument(
        "--params",
        type=parse_param,
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="of DANN and source-only",
    )
    parser.add_argument("--n-jobs", type=int, default=1, help="processes, of one thread each")
    parser.add_argument("--add", type=Path, metavar="PATH", help="report earlier runs too")
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="PATH")
    parser.add_argument("--figure", type=Path, metavar="PATH", help=f"such as {PICTURE.name}")
    args = parser.parse_args()
    args.params = dict(args.params)
    return args


def main():
    """Run, print the tables, write the JSON, draw."""
    args = parse_args()
    known = models(args.params)
    names = [name for name in known if args.models is None or name in args.models]
    wanted = {name: known[name] for name in names if known[name].is_installed}
    if missing := sorted(set(names) - set(wanted)):
        print("Not installed and left out:", ", ".join(missing))
    made = {
        **provenance("skada", "POT"),
        "params": args.params,
        "n_threads": N_THREADS,
        "n_jobs": args.n_jobs,
    }
    about = {name: {"about": model.about, **made} for name, model in wanted.items()}
    runs = run_all(args.tasks, range(args.seeds), wanted, args.n_jobs) if wanted else []
    if args.add:
        runs, about = add_earlier(runs, about, args.add)
    order = [name for name in known if name in about]
    about = {name: about[name] for name in order}
    frame = to_frame(runs)
    summary = summarize(frame, args.tasks)
    print(format_means(summary, order), format_tasks(summary, order), legend(about), sep="\n\n")
    write_json(args.json, {**made, "models": about, "means": to_means(summary), "runs": runs})
    if args.figure:
        draw(summary, order, args.figure)


if __name__ == "__main__":
    main()
