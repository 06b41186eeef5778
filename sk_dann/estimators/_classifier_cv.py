"""`DANNClassifierCV`: hyper-parameters chosen without target labels."""

import warnings
from dataclasses import replace
from numbers import Integral

import numpy as np
from scipy.stats import rankdata
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import ParameterGrid, check_cv
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from ..exceptions import warn_user
from ..model_selection import DomainScorer, get_scorer_names
from ..model_selection._split import StackedSplitter
from ._assembly import MemberParams
from ._candidates import Fold, score_candidates
from ._classifier import DANNClassifier
from ._validation import check_weights

_LAMBDAS = (0.0, 0.03, 0.1, 0.3, 0.6, 1.0, 1.7, 3.0)
_SCORES = set(get_scorer_names()) - {"oracle_accuracy"}
# Parameters that param_grid may not hold, and why.
_NOT_IN_GRID = {
    "lambda_adapt": "pass lambdas",
    "alpha": "pass alphas",
    "random_state": "pass random_state and n_seeds",
    "n_estimators": "networks are scored one by one; n_seeds says how many a candidate has",
    "warm_start": "each candidate is trained from the start",
}


class DANNClassifierCV(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClassifierMixin, BaseEstimator
):
    r"""Domain-adversarial neural network whose hyper-parameters are chosen without target labels.

    What :class:`~sklearn.model_selection.GridSearchCV` with a :class:`DANNClassifier` and a
    :class:`~sk_dann.model_selection.DomainScorer` does, several times as fast: all λ, weight
    decays, seeds and folds are trained side by side as members of one network, and so are the
    reverse networks of reverse validation.

    Parameters
    ----------
    estimator : DANNClassifier, default=None
        Has all other parameters; None stands for ``DANNClassifier()``. Its own `lambda_adapt`, and
        `random_state`, are of no account; `n_estimators` is for the network trained on all rows
        in the end, while candidates are scored network by network.
    lambdas : array-like of float, default=(0, 0.03, 0.1, 0.3, 0.6, 1, 1.7, 3)
        Values of `lambda_adapt`. 0, the network without adaptation, is added if it is not among
        them.
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
        training and test rows in `X`.
    scoring : str or DomainScorer, default="calibrated_confidence"
        One of :func:`~sk_dann.model_selection.get_scorer_names` that needs no target labels.
    one_standard_error : bool, default=False
        Take the smallest λ whose mean score is within one standard error of the best; among these
        the largest weight decay.
    refit : bool, default=True
        Train on all rows with the best parameters.
    n_jobs : int, default=None
        Processes for the combinations of `param_grid`, through :mod:`joblib`; its backends, such
        as Dask's, take them over.
    random_state : int, RandomState instance or None, default=None
        Determines weights, batches and dropout masks; an int makes fits repeatable to the bit.

    Attributes
    ----------
    best_estimator_ : DANNClassifier
        Trained on all rows. With ``refit=False`` there is none, and nothing to predict with.
    best_params_ : dict
    best_score_ : float
        Mean score of the best parameters; what it means depends on `scoring`, and it is too good
        in any case, being the best of many.
    best_index_ : int
        Their place in `cv_results_`.
    lambda_adapt_, alpha_ : float
        Those among `best_params_`.
    scores_ : ndarray of shape (n_combinations, n_lambdas, n_alphas, n_seeds, n_splits)
        The combinations of `param_grid` in the order of ParameterGrid (one without), λ in
        ascending order, weight decays as given. NaN where training diverged.
    lambdas_ : ndarray of shape (n_lambdas,)
    alphas_ : ndarray of shape (n_alphas,)
    cv_results_ : dict of ndarrays
        To be loaded into a data frame, with a row a candidate, in the order of `scores_`'s first
        three axes: ``params``, ``param_<name>``, ``split<i>_test_score`` (mean over seeds),
        ``mean_test_score``, ``std_test_score`` (over folds), ``rank_test_score``, and
        ``mean_gain``, ``std_gain``: the score less that of λ = 0 with the same other parameters.
    n_splits_ : int
    scorer_ : DomainScorer
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only if the source has column names that are strings.

    See Also
    --------
    DANNClassifier : The network itself.
    sk_dann.model_selection.DomainScorer : The scores for scikit-learn's own searches.

    Notes
    -----
    Reverse validation is that of the paper (section 5.1.2): a reverse network starts from the
    weights of the forward one, and with ``early_stopping=True`` both stop early, the forward one
    on held-out source rows, the reverse one on held-out target rows with their predicted labels.

    A member sees the batches of all rows, those that its fold holds out at weight 0, where
    GridSearchCV would draw batches from the fold's rows: equal but for chance.

    With ``label_shift="estimate"`` the target's class shares are estimated once for all folds.

    Candidates that diverge are left out and reported, with a
    :class:`~sklearn.exceptions.FitFailedWarning`. Without a target λ has nothing to act on: the
    other parameters are then chosen by the accuracy on held-out source rows.

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
    >>> search.fit(X_src, y_src, X_tgt).scores_.shape
    (1, 2, 1, 1, 3)
    >>> search.predict(X_tgt).shape
    (300,)
    """

    __metadata_request__fit = {"X_tgt": True, "sample_domain": True}
    __metadata_request__score = {"sample_domain": True}

    _parameter_constraints: dict = {
        "estimator": [DANNClassifier, None],
        "lambdas": ["array-like"],
        "alphas": ["array-like", None],
        "n_seeds": [Interval(Integral, 1, None, closed="left")],
        "param_grid": [dict, list, None],
        "cv": ["cv_object"],
        "scoring": [StrOptions(_SCORES), DomainScorer],
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
        scoring="calibrated_confidence",
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
            If an argument does not fit the others (the message names it), or if all candidates
            diverge.

        Warns
        -----
        FitFailedWarning
            If some diverge.
        AdaptationWarning
            As :meth:`DANNClassifier.fit`, of the network trained on all rows.
        """
        estimator = DANNClassifier() if self.estimator is None else clone(self.estimator)
        self.lambdas_ = _check_values(self.lambdas, "lambdas", and_zero=True)
        alphas = [estimator.alpha] if self.alphas is None else self.alphas
        self.alphas_ = _check_values(alphas, "alphas")
        combinations = _check_grid(self.param_grid, estimator)
        self.scorer_ = _check_scoring(self.scoring)
        rng = check_random_state(self.random_state)
        seed, *seeds = (int(s) for s in rng.randint(2**31 - 1, size=1 + self.n_seeds))
        with warnings.catch_warnings():
            if self.refit:  # which says the same again
                warnings.simplefilter("ignore", UserWarning)
            data = estimator._read_data(X, y, X_tgt, sample_domain, sample_weight)
        self._take_over(estimator)
        scorer = self.scorer_
        if data.X_target is None:
            self.lambdas_, scorer = np.zeros(1), DomainScorer("importance_weighted")
        folds = _make_folds(self.cv, data, sample_domain)
        _check_folds(folds, data)
        grid = np.meshgrid(self.lambdas_, self.alphas_, seeds, indexing="ij")
        # Members of one seed side by side are the fastest.
        by_seed = [each.transpose(2, 0, 1).ravel() for each in grid]
        candidates = MemberParams([int(s) for s in by_seed[2]], *by_seed[:2])
        tasks = (
            delayed(_score_combination)(
                estimator, params, data, sample_weight, folds, candidates, scorer, seed
            )
            for params in combinations
        )
        found = Parallel(n_jobs=self.n_jobs)(tasks)
        shape = len(seeds), len(self.lambdas_), len(self.alphas_), len(folds)
        self.scores_ = np.stack(
            [scores.reshape(shape).transpose(1, 2, 0, 3) for scores, _ in found]
        )
        _report([reason for _, reasons in found for reason in reasons.values()], self.scores_)
        self._choose(combinations)
        self.n_splits_ = len(folds)
        if self.refit:
            best = estimator.set_params(**self.best_params_, random_state=seeds[0])
            metadata = {"sample_domain": sample_domain, "sample_weight": sample_weight}
            self.best_estimator_ = best.fit(X, y, X_tgt, **metadata)
        elif hasattr(self, "best_estimator_"):
            del self.best_estimator_
        return self

    def _take_over(self, estimator):
        """Learn what the estimator has found in the data."""
        self.classes_, self.n_features_in_ = estimator.classes_, estimator.n_features_in_
        if hasattr(estimator, "feature_names_in_"):
            self.feature_names_in_ = estimator.feature_names_in_
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _choose(self, combinations):
        by_fold = self.scores_.mean(axis=3)
        self.cv_results_ = _tabulate(combinations, self.lambdas_, self.alphas_, by_fold)
        mean = self.cv_results_["mean_test_score"]
        best = int(np.nanargmax(mean))
        if self.one_standard_error:
            own = self.scores_.reshape(len(mean), self.n_seeds, -1)[best]
            values = own.mean(axis=0) if own.shape[1] > 1 else own.ravel()
            error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
            near = np.flatnonzero(mean >= mean[best] - error)
            params = self.cv_results_["params"]
            best = int(
                min(
                    near,
                    key=lambda i: (params[i]["lambda_adapt"], -params[i]["alpha"], -mean[i]),
                )
            )
        self.best_index_ = best
        self.best_params_ = self.cv_results_["params"][best]
        self.best_score_ = float(mean[best])
        self.lambda_adapt_ = self.best_params_["lambda_adapt"]
        self.alpha_ = self.best_params_["alpha"]

    def predict(self, X):
        """Predict classes, by the network that is trained on all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self._best().predict(X)

    def predict_proba(self, X):
        """Class probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        return self._best().predict_proba(X)

    def predict_log_proba(self, X):
        """Logarithms of the class probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return self._best().predict_log_proba(X)

    def decision_function(self, X):
        """Confidence scores of the classes, see :meth:`DANNClassifier.decision_function`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        return self._best().decision_function(X)

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

    def score(self, X, y, sample_weight=None, *, sample_domain=None):
        """Accuracy of the predictions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
        sample_domain : array-like of int of shape (n_samples,), default=None
            If given, only source rows (positive numbers) are scored.

        Returns
        -------
        float
        """
        return self._best().score(X, y, sample_weight, sample_domain=sample_domain)

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
    array = np.asarray(values, dtype=float) if np.ndim(values) == 1 else np.empty(0)
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
                f"param_grid holds {name!r}, which is no parameter of DANNClassifier: "
                f"{sorted(set(known) - set(_NOT_IN_GRID))}."
            )
    return combinations


def _check_scoring(scoring):
    scorer = scoring if isinstance(scoring, DomainScorer) else DomainScorer(scoring)
    if scorer.name not in _SCORES:
        raise ValueError(
            f"scoring={scorer.name!r} cannot choose here; take one of {sorted(_SCORES)}."
        )
    if scorer.name == "reverse_validation" and scorer.score_params:
        raise ValueError(f"reverse_validation takes no score_params; got {scorer.score_params}.")
    return scorer


def _make_folds(cv, data, sample_domain):
    """Split the rows, whichever way they came in."""
    n_source = len(data.y)
    n_target = 0 if data.X_target is None else len(data.target_rows)
    everything = np.arange(n_source + n_target)  # source rows first
    splitter = check_cv(cv, data.y, classifier=True)
    place = everything
    if isinstance(splitter, StackedSplitter):
        domain = np.concatenate([data.source_domain + 1, np.full(n_target, -1)])
        labels = np.concatenate([data.y, np.full(n_target, -1)])
        splits = splitter.split(everything, labels, domain)
    else:
        splits = splitter.split(np.zeros((n_source, 1)), data.y)
        listed = not hasattr(cv, "split") and not isinstance(cv, Integral | None)
        if sample_domain is not None and listed:
            place = np.empty_like(everything)
            place[np.concatenate([data.source_rows, data.target_rows])] = everything
    folds = []
    for rows in splits:
        train, test = (place[part] for part in rows)
        target_train, target_test = (
            part[part >= n_source] - n_source if (part >= n_source).any() else np.arange(n_target)
            for part in (train, test)
        )
        folds.append(
            Fold(train[train < n_source], test[test < n_source], target_train, target_test)
        )
    return folds


def _check_folds(folds, data):
    """Refuse folds that say nothing."""
    if not folds:
        raise ValueError("cv makes no folds.")
    for i, fold in enumerate(folds):
        if not len(fold.test):
            raise ValueError(f"cv leaves no source rows to test on in fold {i}.")
        if len(np.unique(data.y[fold.train])) < 2:
            raise ValueError(
                f"cv leaves source rows of fewer than two classes to train on in fold {i}; "
                "shuffle or stratify the folds."
            )


def _score_combination(estimator, params, data, sample_weight, folds, candidates, scorer, seed):
    """Score all candidates with some parameters; runs in a process of its own."""
    classes = estimator.classes_
    estimator = clone(estimator).set_params(**params)
    estimator.set_params(warm_start=False)
    estimator._validate_params()
    estimator.classes_ = classes
    labelled = replace(data, y=classes[data.y])
    weights = check_weights(sample_weight, estimator.class_weight, labelled, classes)
    data = data.with_labels(data.y, *weights)
    return score_candidates(
        estimator, data, folds, candidates, scorer.name, scorer.score_params or {}, seed
    )


def _report(reasons, scores):
    """Say which candidates have no score, and raise if none has."""
    if not reasons:
        return
    listed = "; ".join(sorted(set(reasons)))
    if np.isnan(scores.mean(axis=(3, 4))).all():
        raise ValueError(
            f"No candidate has a score: {listed}. Scale the features (for example with "
            "StandardScaler), or lower learning_rate_init."
        )
    warn_user(
        f"{len(reasons)} of {scores.size} networks have no score, and their candidates cannot be "
        f"chosen: {listed}.",
        FitFailedWarning,
    )


def _tabulate(combinations, lambdas, alphas, by_fold):
    """Make `cv_results_` of scores of shape (n_combinations, n_lambdas, n_alphas, n_splits)."""
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
    flat = by_fold.reshape(len(params), -1)
    gain = (by_fold - by_fold[:, :1]).reshape(flat.shape)
    for i, scores in enumerate(flat.T):
        results[f"split{i}_test_score"] = scores
    mean = flat.mean(axis=1)
    results["mean_test_score"], results["std_test_score"] = mean, flat.std(axis=1)
    # As in GridSearchCV, the last rank for what has no score.
    ranked = np.where(np.isnan(mean), np.nanmin(mean) - 1, mean)
    results["rank_test_score"] = rankdata(-ranked, method="min").astype(np.int32)
    results["mean_gain"], results["std_gain"] = gain.mean(axis=1), gain.std(axis=1)
    return results
