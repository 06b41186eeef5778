"""DANNClassifierCV against GridSearchCV: the same λ and folds, chosen by reverse validation.

In alternating rounds in one process. GridSearchCV fits an estimator and its reverse estimator for
each λ and fold, with `DomainScorer("reverse_validation")`; DANNClassifierCV trains all of the one
and all of the other side by side. Both fit to all rows in the end.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import torch
from _results import provenance, write_json
from _timing import ratios, spread, timed, versus
from _workloads import WORKLOADS
from scipy import stats
from sklearn import config_context
from sklearn.model_selection import GridSearchCV

from sk_dann import DANNClassifier, DANNClassifierCV
from sk_dann.exceptions import AdaptationWarning
from sk_dann.model_selection import DomainScorer

RESULTS = Path(__file__).parent / "results" / "search_speed.json"
LAMBDAS = (0.0, 0.03, 0.1, 0.3, 0.6, 1.0, 1.7, 3.0)
GOALS = {"table": 4, "amazon": 2}


def searches(workload, n_folds, scoring, seed):
    """Return both searches, as functions."""
    params = {"hidden_layer_sizes": (workload.n_hidden,), "device": "cpu"}
    # A row less than the source has, or scikit-learn would cut the target to the folds.
    data = workload.X_src, workload.y_src
    X_tgt = workload.X_tgt[:-1]

    def stock():
        search = GridSearchCV(
            DANNClassifier(**params, random_state=seed),
            {"lambda_adapt": LAMBDAS},
            cv=n_folds,
            scoring=DomainScorer(scoring),
        )
        with config_context(enable_metadata_routing=True):
            return search.fit(*data, X_tgt=X_tgt)

    def ours():
        search = DANNClassifierCV(
            DANNClassifier(**params),
            lambdas=LAMBDAS,
            cv=n_folds,
            scoring=scoring,
            random_state=seed,
        )
        return search.fit(*data, X_tgt)

    return {"GridSearchCV": stock, "DANNClassifierCV": ours}


def mean_scores(results):
    """Return the mean score of each λ, as each of the searches calls it."""
    (name,) = (name for name in results if name.startswith("mean_test_"))
    return results[name]


def compare(runs):
    """Return what the searches say, as numbers."""
    means = {
        name: [mean_scores(run.result.cv_results_) for run in own] for name, own in runs.items()
    }
    stock, ours = (np.mean(values, axis=0) for values in means.values())
    return {
        "mean_test_score": {name: np.mean(v, axis=0).tolist() for name, v in means.items()},
        "rank_correlation": float(stats.spearmanr(stock, ours).statistic),
        "chosen": {
            name: [run.result.best_params_["lambda_adapt"] for run in own]
            for name, own in runs.items()
        },
        # What GridSearchCV loses by the λ that DANNClassifierCV chooses, by its own score.
        "lost": float(stock.max() - stock[ours.argmax()]),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workloads", nargs="+", default=list(GOALS), choices=list(GOALS))
    parser.add_argument("--scoring", default="reverse_validation")
    parser.add_argument("--rounds", type=int, default=3, help="each with a seed of its own")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=RESULTS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", AdaptationWarning)
    results = {}
    for name in args.workloads:
        workload = WORKLOADS[name]()
        runs = {}
        for search in searches(workload.head(200), 2, args.scoring, 0).values():
            search()  # warms up
        for seed in range(args.rounds):
            both = searches(workload, args.folds, args.scoring, seed)
            for each, search in both.items():
                runs.setdefault(each, []).append(timed(search))
        seconds = {each: [run.seconds for run in own] for each, own in runs.items()}
        times = ratios(*seconds.values())
        results[name] = {"seconds": seconds, "ratios": times, **compare(runs)}
        print(f"{name}: GridSearchCV takes {spread(times, 1)} times as long as DANNClassifierCV")
        print(f"  {versus(times, GOALS[name], at_least=True)}")
        for each, own in seconds.items():
            print(f"  {each:17s} {spread(own, 1)} s, λ = {results[name]['chosen'][each]}")
        for each, mean in results[name]["mean_test_score"].items():
            print(f"  {each:17s} {' '.join(f'{score:.3f}' for score in mean)}")
        print(f"  rank correlation {results[name]['rank_correlation']:.2f}")
    write_json(args.json, {**provenance(), "n_threads": 1, "results": results})


if __name__ == "__main__":
    main()
