"""`DANNClassifierCV`: hyper-parameters chosen without target labels."""

from dataclasses import replace
from numbers import Integral

import numpy as np
from scipy.stats import rankdata
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import ParameterGrid
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._fitting import all_or_nothing
from .._parallel import run_all
from .._warnings import collected_warnings, warn_user
from ..exceptions import NoTargetWarning, UntransformedTargetWarning
from ..metrics._table import align_options, options_of
from ..model_selection import DomainScorer, get_scorer_names
from ..model_selection._scorers import ORACLE
from ..model_selection._stock_tools import StackedDomainsMixin
from ._assembly import MemberParams
from ._candidates import REVERSE_VALIDATION, score_candidates
from ._classifier import DANNClassifier
from ._folds import make_folds
from ._member_training import DIVERGED
from ._prediction import DecisionMixin
from ._validation import check_weights

_LAMBDAS = (0.0, 0.03, 0.1, 0.3, 0.6, 1.0, 1.7, 3.0)
_SCORES = set(get_scorer_names()) - {ORACLE}
# Parameters that param_grid may not hold, and why.
_NOT_IN_GRID = {
    "lambda_adapt": "pass lambdas",
    "alpha": "pass alphas",
    "random_state": "pass random_state and n_seeds",
    "n_estimators": "networks are scored one by one; n_seeds says how many a candidate has",
    "warm_start": "each candidate is trained from the start",
}


class DANNClassifierCV(
    StackedDomainsMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    DecisionMixin,
    BaseEstimator,
):
    """Domain-adversarial neural network whose hyper-parameters are chosen without target labels.

    What :class:`~sklearn.model_selection.GridSearchCV` with a :class:`DANNClassifier` and a
    :class:`~sk_dann.model_selection.DomainScorer` does, several times as fast: all λ, weight
    decays, seeds and folds are trained side by side as members of one network, and so are the
    reverse networks of reverse validation.

    Parameters
    ----------
    estimator : DANNClassifier or CDANClassifier, default=None
        Has all other parameters; None stands for ``DANNClassifier()``, but has no nested parameters
        to be set. Its own `lambda_adapt`, and
        `random_state`, are of no account; `n_estimators` is for the network trained on all rows
        in the end, while candidates are scored network by network.
    lambdas : array-like of float, default=(0, 0.03, 0.1, 0.3, 0.6, 1, 1.7, 3)
        Values of `lambda_adapt`. 0, the network without adaptation, is added if it is not among
        them. With `terms` it is the network that adapts by these alone; let `param_grid` hold
        ``{"terms": [None, [...]]}`` to have the one without.
    alphas : array-like of float, default=None
        Values of `alpha`; None keeps the estimator's.
    n_seeds : int, default=1
        Networks a candidate and fold, from different weights. The same seeds serve all candidates.
    param_grid : dict or list of dict, default=None
        Values of further parameters of the estimator, as for
        :class:`~sklearn.model_selection.ParameterGrid`. Their combinations are trained one after
        another, or by `n_jobs` processes.
    cv : int, splitter or iterable, default=None
        Folds of the *source* rows: None stands for five, stratified, not shuffled. The target's
        rows are trained on, and looked at, in all folds, except by the splitters of
        :mod:`sk_dann.model_selection`, which may hold some out. An iterable holds positions of
        training and test rows in `X`: ``list(GroupKFold().split(X, y, groups))`` for groups.
    scoring : str, DomainScorer or list of them, \
            default=("calibrated_confidence", "importance_weighted")
        Of :func:`~sk_dann.model_selection.get_scorer_names` those that need no target labels. With
        several, each ranks the candidates, and the best mean rank is chosen.
    one_standard_error : bool, default=False
        Take the smallest λ that is within one standard error of the best; among these the largest
        weight decay.
    refit : bool, default=True
        Train on all rows with the best parameters.
    n_jobs : int, default=None
        Processes for the combinations of `param_grid`, through :mod:`joblib`; its backends, such
        as Dask's, take them over.
    random_state : int, RandomState instance or None, default=None
        Determines weights, batches and dropout masks; an int makes fits repeatable to the bit
        at the same number of threads.

    Attributes
    ----------
    best_estimator_ : DANNClassifier
        Trained on all rows; what it knows beyond predictions, such as `share_estimate_`, is to be
        asked of it. With ``refit=False`` there is none, and nothing to predict with.
    best_params_ : dict
    best_score_ : float
        Mean of the first score for the best parameters. Being that of the best of many, it is
        rather too good.
    best_index_ : int
        Their place in `cv_results_`.
    lambda_adapt_, alpha_ : float
        Those among `best_params_`.
    scores_ : dict of str to ndarray of shape \
            (n_combinations, n_lambdas, n_alphas, n_seeds, n_splits)
        By the scores' names. The combinations of `param_grid` are in the order of ParameterGrid
        (one without), λ in ascending order, weight decays as given. NaN where training diverged.
    lambdas_ : ndarray of shape (n_lambdas,)
    alphas_ : ndarray of shape (n_alphas,)
    cv_results_ : dict of ndarrays
        To be loaded into a data frame, with a row a candidate, in the order of the first three
        axes of `scores_`: ``params``, ``param_<name>``, ``rank_test_score`` (1 for what is chosen
        without `one_standard_error`), and for each score, as GridSearchCV names them,
        ``split<i>_test_<score>`` (mean over seeds), ``mean_test_<score>``, ``std_test_<score>``
        (over folds), and ``mean_gain_<score>``, ``std_gain_<score>``: the score less that of λ = 0
        with the same other parameters.
    n_splits_ : int
    scorers_ : list of DomainScorer
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if the source has column names that are strings.

    See Also
    --------
    DANNClassifier : The network itself.
    sk_dann.model_selection.DomainScorer : The scores for scikit-learn's own searches.

    Notes
    -----
    Before candidates are compared, scores are smoothed over λ: half of a value is its own, a
    quarter comes from each neighbour in the grid, or is its own too where there is none. Scores of
    single networks are noisy, and a λ whose neighbours do badly is doubtful.

    The default was chosen among all means of up to three ranks, of twelve scores with and without
    smoothing, on one half of the tasks of ``benchmarks/model_selection.py``. What it loses on the
    other half, and when each score fails, is told in ``benchmarks/README.md``: above all, no score
    sees that the class shares differ, so see to `label_shift` first.

    Reverse validation is that of the paper (section 5.1.2): a reverse network starts from the
    weights of the forward one, and with ``early_stopping=True`` both stop early, the forward one
    on held-out source rows, the reverse one on held-out target rows with their predicted labels.

    Members see the batches of all rows, those that their fold holds out at weight 0. So where the
    source is the larger domain, a fold takes as many steps as all rows do, and each learns from
    fewer rows; GridSearchCV would draw batches from the fold's rows alone. A batch normalisation
    in modules of your own sees what is held out.

    With ``label_shift="estimate"`` the target's class shares are estimated once for all folds.
    Scores that depend on class shares are told those that the estimator is for.

    `callbacks` and `verbose` of the estimator are for the network trained on all rows.

    Candidates that diverge to numbers that are not finite, or that a score cannot judge, are left
    out and reported, with a :class:`~sklearn.exceptions.FitFailedWarning`. Without a target λ has
    nothing to act on: the other parameters are then chosen by the accuracy on held-out source rows.

    References
    ----------
    Ganin, Ustinova, Ajakan, Germain, Larochelle, Laviolette, Marchand, Lempitsky:
    Domain-adversarial training of neural networks. JMLR 17(59), 2016.

    Examples
    --------
    >>> from sk_dann import DANNClassifier, DANNClassifierCV
    >>> from sk_dann.datasets import make_inter_twinning_moons
    >>> X_src, y_src, X_tgt, y_tgt = make_inter_twinning_moons(random_state=0)
    >>> search = DANNClassifierCV(
    ...     DANNClassifier(hidden_layer_sizes=15, max_iter=20), lambdas=[0, 1], cv=3, random_state=0
    ... )
    >>> search.fit(X_src, y_src, X_tgt).scores_["calibrated_confidence"].shape
    (1, 2, 1, 1, 3)
    >>> search.predict(X_tgt).shape
    (300,)
    """

    __metadata_request__fit = {"X_tgt": True, "sample_domain": True}

    _parameter_constraints: dict = {
        "estimator": [DANNClassifier, None],
        "lambdas": ["array-like"],
        "alphas": ["array-like", None],
        "n_seeds": [Interval(Integral, 1, None, closed="left")],
        "param_grid": [dict, list, None],
        "cv": ["cv_object"],
        "scoring": [StrOptions(_SCORES), DomainScorer, list, tuple],
        "one_standard_error": ["boolean"],
        "refit": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        lambdas=_LAMBDAS,
        alphas=None,
        n_seeds=1,
        param_grid=None,
        cv=None,
        scoring=("calibrated_confidence", "importance_weighted"),
        one_standard_error=False,
        refit=True,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.lambdas = lambdas
        self.alphas = alphas
        self.n_seeds = n_seeds
        self.param_grid = param_grid
        self.cv = cv
        self.scoring = scoring
        self.one_standard_error = one_standard_error
        self.refit = refit
        self.n_jobs = n_jobs
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    @all_or_nothing(keeps="best_estimator_")
    def fit(self, X, y, X_tgt=None, *, sample_domain=None, sample_weight=None):
        """Choose hyper-parameters, and train with them on all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The source's rows, or with `sample_domain` those of both domains.
        y : array-like of shape (n_samples,)
            Labels; those of target rows are never read and may be anything.
        X_tgt : {array-like, sparse matrix} of shape (n_target_samples, n_features), default=None
            The target's rows, through the same transformers as the source's. In a
            :class:`~sklearn.pipeline.Pipeline` use ``transform_input=["X_tgt"]``.
        sample_domain : array-like of int of shape (n_samples,), default=None
            Positive for source rows (one number a source domain), negative for target rows.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the source rows in training; scores do not count them, but for
            ``"importance_weighted"``.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If an argument does not fit the others (the message names it), or if no candidate has a
            score.

        Warns
        -----
        FitFailedWarning
            If some have none.
        AdaptationWarning
            As :meth:`DANNClassifier.fit`, of the network trained on all rows.
        """
        estimator = DANNClassifier() if self.estimator is None else clone(self.estimator)
        self.lambdas_ = _check_values(self.lambdas, "lambdas", and_zero=True)
        alphas = [estimator.alpha] if self.alphas is None else self.alphas
        self.alphas_ = _check_values(alphas, "alphas")
        combinations = _check_grid(self.param_grid, estimator)
        self.scorers_ = _check_scoring(self.scoring)
        rng = check_random_state(self.random_state)
        seed, *seeds = (int(s) for s in rng.randint(2**31 - 1, size=1 + self.n_seeds))
        data = estimator._read_data(X, y, X_tgt, sample_domain, sample_weight)
        vars(self).pop("best_estimator_", None)  # with refit=False there is none
        self._take_over(estimator)
        if data.X_target is None:
            self.lambdas_, self.scorers_ = np.zeros(1), [DomainScorer("importance_weighted")]
        scorers = [
            (scorer.name, align_options(scorer.score_params, self.classes_))
            for scorer in self.scorers_
        ]
        folds = make_folds(self.cv, data, sample_domain)
        grid = np.meshgrid(self.lambdas_, self.alphas_, seeds, indexing="ij")
        # Members of one seed side by side are the fastest.
        by_seed = [each.transpose(2, 0, 1).ravel() for each in grid]
        candidates = MemberParams([int(s) for s in by_seed[2]], *by_seed[:2])
        tasks = (
            (estimator, params, data, sample_weight, folds, candidates, scorers, seed)
            for params in combinations
        )
        found = run_all(_score_combination, tasks, self.n_jobs)
        shape = len(scorers), len(seeds), len(self.lambdas_), len(self.alphas_), len(folds)
        scores = np.stack([own.reshape(shape) for own, _ in found], axis=1)
        _report([reason for _, reasons in found for reason in reasons], scores)
        names = [name for name, _ in scorers]
        self.scores_ = dict(zip(names, scores.transpose(0, 1, 3, 4, 2, 5), strict=True))
        self._choose(combinations)
        self.n_splits_ = len(folds)
        if self.refit:
            best = estimator.set_params(**self.best_params_, random_state=seeds[0])
            metadata = {"sample_domain": sample_domain, "sample_weight": sample_weight}
            try:
                # What was said of the data already.
                with collected_warnings(NoTargetWarning, UntransformedTargetWarning):
                    best.fit(X, y, X_tgt, **metadata)
            finally:
                # After Ctrl-C too: what it has learned can be used.
                if hasattr(best, "net_"):
                    self.best_estimator_ = best
        return self

    def _take_over(self, estimator):
        """Learn what the estimator has found in the data."""
        self.classes_, self.n_features_in_ = estimator.classes_, estimator.n_features_in_
        if hasattr(estimator, "feature_names_in_"):
            self.feature_names_in_ = estimator.feature_names_in_
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _choose(self, combinations):
        """Compare the candidates: fill in the table, and take the best."""
        by_fold = {name: scores.mean(axis=3) for name, scores in self.scores_.items()}
        results = _tabulate(combinations, self.lambdas_, self.alphas_, by_fold)
        params = results["params"]
        smooth = [_smooth(scores).reshape(len(params), -1) for scores in by_fold.values()]
        merit = _merit([scores.mean(axis=1) for scores in smooth])
        results["rank_test_score"] = _rank(-merit, "min").astype(np.int32)
        best = int(np.nanargmax(merit))
        if self.one_standard_error:
            folds = [
                _merit(scores)[best] for scores in zip(*(own.T for own in smooth), strict=True)
            ]
            error = np.std(folds, ddof=1) / np.sqrt(len(folds)) if len(folds) > 1 else 0.0

            def order(i):
                return params[i]["lambda_adapt"], -params[i]["alpha"], -merit[i]

            best = int(min(np.flatnonzero(merit >= merit[best] - error), key=order))
        self.cv_results_, self.best_index_, self.best_params_ = results, best, params[best]
        self.lambda_adapt_, self.alpha_ = params[best]["lambda_adapt"], params[best]["alpha"]
        self.best_score_ = float(next(iter(by_fold.values())).reshape(len(params), -1)[best].mean())

    def predict_log_proba(self, X):
        """Logarithms of the class probabilities, by the network that is trained on all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return self._best().predict_log_proba(X)

    def transform(self, X):
        """Map rows to the domain-invariant features.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_estimators * hidden_layer_sizes[-1])
        """
        return self._best().transform(X)

    def _best(self):
        check_is_fitted(self, "best_params_")
        if not hasattr(self, "best_estimator_"):
            raise AttributeError(
                "With refit=False no network is trained on all rows, so there is none to predict "
                "with. Set refit=True, or pass best_params_ to a DANNClassifier."
            )
        return self.best_estimator_

    @property
    def _n_features_out(self):
        return self._best()._n_features_out

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _check_values(values, name, and_zero=False):
    """Validate numbers of at least 0, all different; with zero in ascending order."""
    try:
        array = np.asarray(values, dtype=float) if np.ndim(values) == 1 else np.empty(0)
    except (TypeError, ValueError):
        array = np.empty(0)
    if not (len(array) and np.isfinite(array).all() and (array >= 0).all()):
        raise ValueError(f"{name} must hold finite numbers of at least 0; got {values!r}.")
    if len(np.unique(array)) < len(array):
        raise ValueError(f"{name} holds a number twice: {values!r}.")
    return np.union1d(array, [0.0]) if and_zero else array


def _check_grid(param_grid, estimator):
    """List the combinations of a grid; one that changes nothing if there is none."""
    combinations = list(ParameterGrid({} if param_grid is None else param_grid))
    if not combinations:
        raise ValueError(f"param_grid holds no combination: {param_grid!r}.")
    known = estimator.get_params()
    for name in sorted({name for params in combinations for name in params}):
        if name in _NOT_IN_GRID:
            raise ValueError(f"param_grid must not hold {name}: {_NOT_IN_GRID[name]}.")
        if name not in known:
            raise ValueError(
                f"param_grid holds {name!r}, which is no parameter of {type(estimator).__name__}: "
                f"{sorted(set(known) - set(_NOT_IN_GRID))}."
            )
    for params in combinations:
        clone(estimator).set_params(**params)._validate_params()
    return combinations


def _check_scoring(scoring):
    """Return scorers, each of which may choose here."""
    several = scoring if isinstance(scoring, list | tuple) else [scoring]
    scorers = [each if isinstance(each, DomainScorer) else DomainScorer(each) for each in several]
    names = [scorer.name for scorer in scorers]
    if not scorers or not _SCORES.issuperset(names) or len(set(names)) < len(names):
        raise ValueError(
            f"scoring must be one of {sorted(_SCORES)}, or several, each once; got {scoring!r}."
        )
    for scorer in scorers:
        known = [] if scorer.name == REVERSE_VALIDATION else options_of(scorer.name)
        unknown = sorted(set(scorer.score_params or {}) - set(known))
        if unknown:
            raise ValueError(f"scoring: {scorer.name} has no score_params {unknown}, only {known}.")
    return scorers


def _score_combination(estimator, params, data, sample_weight, folds, candidates, scorers, seed):
    """Score all candidates with some parameters; runs in a process of its own."""
    classes = estimator.classes_
    estimator = clone(estimator).set_params(**params)
    estimator.classes_ = classes
    labelled = replace(data, y=classes[data.y])
    weights = check_weights(sample_weight, estimator.class_weight, labelled, classes)
    data = data.with_labels(data.y, *weights)
    return score_candidates(estimator, data, folds, candidates, scorers, seed)


def _report(reasons, scores):
    """Say which networks have no score, and raise if no candidate has all of them."""
    if not reasons:
        return
    listed = "; ".join(sorted(set(reasons)))
    if any(DIVERGED in reason for reason in reasons):
        listed += (
            ". Scale the features (for example with StandardScaler), or lower learning_rate_init"
        )
    else:
        listed += ". Name other scores in scoring, or pass more samples"
    if np.isnan(scores.mean(axis=(0, 2, 5))).all():
        raise ValueError(f"No candidate has a score: {listed}.")
    warn_user(
        f"{np.isnan(scores).sum()} of {scores.size} scores are missing, and their candidates "
        f"cannot be chosen: {listed}.",
        FitFailedWarning,
    )


def _smooth(scores):
    """Average over neighbours of axis 1, λ: a missing one is taken to be as the value itself."""
    missing = np.full_like(scores[:, :1], np.nan)
    before = np.concatenate([missing, scores[:, :-1]], axis=1)
    after = np.concatenate([scores[:, 1:], missing], axis=1)
    parts = (np.where(np.isnan(part), scores, part) for part in (before, after))
    return scores / 2 + sum(parts) / 4


def _merit(scores):
    """Return what candidates are compared by: their score, or their mean rank by several."""
    if len(scores) == 1:
        return scores[0]
    missing = np.isnan(scores).any(axis=0)
    return np.where(missing, np.nan, np.mean([_rank(own, "average") for own in scores], axis=0))


def _rank(values, method):
    """Rank in ascending order; what is missing comes last in either order."""
    known = ~np.isnan(values)
    ranks = np.full(len(values), np.nan)
    ranks[known] = rankdata(values[known], method=method)
    if method == "min":
        return np.where(known, ranks, 1 + np.sum(known))
    return ranks


def _tabulate(combinations, lambdas, alphas, by_fold):
    """Make `cv_results_`.

    Parameters
    ----------
    combinations : list of dict
    lambdas, alphas : ndarray
    by_fold : dict of str to ndarray of shape (n_combinations, n_lambdas, n_alphas, n_splits)

    Returns
    -------
    dict of ndarray
    """
    params = [
        {"lambda_adapt": float(lambda_adapt), "alpha": float(alpha), **combination}
        for combination in combinations
        for lambda_adapt in lambdas
        for alpha in alphas
    ]
    results = {}
    for name in dict.fromkeys(name for each in params for name in each):
        values = np.ma.masked_all(len(params), dtype=object)
        for i, each in enumerate(params):
            if name in each:
                values[i] = each[name]
        if name in ("lambda_adapt", "alpha"):
            values = values.data.astype(float)
        results[f"param_{name}"] = values
    results["params"] = params
    for name, scores in by_fold.items():
        gain = (scores - scores[:, :1]).reshape(len(params), -1)
        rows = scores.reshape(len(params), -1)
        results |= {f"split{i}_test_{name}": own for i, own in enumerate(rows.T)}
        results |= {f"mean_test_{name}": rows.mean(axis=1), f"std_test_{name}": rows.std(axis=1)}
        results |= {f"mean_gain_{name}": gain.mean(axis=1), f"std_gain_{name}": gain.std(axis=1)}
    return results
