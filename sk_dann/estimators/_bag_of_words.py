"""`BagOfWordsDANNClassifier`: the recipe for counts of words, as one estimator."""

from numbers import Integral

import numpy as np
from scipy import sparse
from scipy.special import log_softmax
from sklearn import config_context
from sklearn.base import BaseEstimator, MetaEstimatorMixin, _fit_context, clone
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from .._fitting import all_or_nothing
from .._warnings import collected_warnings
from ..exceptions import NoTargetWarning
from ..model_selection._stock_tools import StackedDomainsMixin
from ..nn import InformationMaximization, MinimumClassConfusion
from ..preprocessing import CorrelationRatioScaler, MarginalizedStackedDenoisingAutoencoder
from ._classifier import DANNClassifier
from ._classifier_cv import DANNClassifierCV
from ._prediction import PredictionMixin
from ._validation import check_domains, check_row_labels, check_rows, check_source, encode_classes

# Chosen on the development tasks (benchmarks/README.md has the steps that led here).
_N_LAYERS, _NOISE = 2, 0.7


def default_estimator():
    """Return the networks of the recipe."""
    return DANNClassifier(
        domain_hidden_layer_sizes=(256,),
        dropout=0.7,
        terms=[InformationMaximization(0.1), MinimumClassConfusion(0.3)],
        n_estimators=8,
    )


class BagOfWordsDANNClassifier(
    StackedDomainsMixin, PredictionMixin, MetaEstimatorMixin, BaseEstimator
):
    """Domain-adversarial networks on counts of words: the most accurate recipe that we know.

    Two sorts of features are made of the counts, networks are trained on each, and their
    predictions averaged:

    - *words*: tf-idf of both domains' rows, with words that tell the source's classes apart scaled
      up (:class:`~sk_dann.preprocessing.CorrelationRatioScaler`);
    - *denoised*: which words go with those that are there, in both domains
      (:class:`~sk_dann.preprocessing.MarginalizedStackedDenoisingAutoencoder`), scaled likewise.

    Each are the features of `estimator`: by default eight :class:`DANNClassifier` networks that
    also keep predictions on the target sure and unconfused. No label of the target is used
    anywhere, nor was it for choosing any of this on other tasks than those kept for that.

    Parameters
    ----------
    estimator : DANNClassifier, CDANClassifier or DANNClassifierCV, default=None
        Has the parameters that the networks are to have; a search chooses λ for each sort of
        features without target labels. Its own `random_state` is of no account. None stands for
        ``DANNClassifier(domain_hidden_layer_sizes=(256,), dropout=0.7,
        terms=[InformationMaximization(0.1), MinimumClassConfusion(0.3)], n_estimators=8)``, but
        has no nested parameters to be set.
    denoise : bool, default=True
        Whether to train on denoised features too. They are dense, `2 * n_denoised` columns of
        them: it takes about ten times as long as the words alone, and memory for all rows at once.
    n_denoised : int, default=5000
        How many words, the most frequent ones, are denoised. All others count in *words* alone,
        and as what the frequent ones are told by.
    random_state : int, RandomState instance or None, default=None

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    pipelines_ : dict of str to sklearn.pipeline.Pipeline
        ``"words"`` and ``"denoised"``, fitted; each predicts for itself. Their last steps are the
        trained estimators. After an interrupted `fit`, those that have begun to learn.
    n_features_in_ : int
    feature_names_in_ : ndarray of str of shape (`n_features_in_`,)
        Only if the source has column names that are strings.

    See Also
    --------
    DANNClassifier : The networks, for features of any kind.

    Notes
    -----
    As for :class:`DANNClassifier`, classes are taken to occur as often in the target as in the
    source, unless the `label_shift` of `estimator` says otherwise. Pass counts in float32: the
    networks compute in the dtype of the counts, float64 for integers. Pass counts as they are, no
    frequencies and no tf-idf: the logarithms that are taken here are meant for numbers from 1 on.

    The denoising's first layer has `n_features * n_denoised` weights, and denoised rows are dense
    in predictions too: hash or cut large vocabularies beforehand, or set ``denoise=False``.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_dann import BagOfWordsDANNClassifier, DANNClassifier
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> books = ["a gripping plot", "dull plot", "gripping story", "a dull read", "a great story"]
    >>> liked, tools = [1, 0, 1, 0, 1], ["a great sharp blade", "dull blade", "a sharp knife"]
    >>> counts = CountVectorizer(dtype=np.float32).fit([*books, *tools])
    >>> clf = BagOfWordsDANNClassifier(DANNClassifier(max_iter=20), random_state=0)
    >>> clf = clf.fit(counts.transform(books), liked, counts.transform(tools))
    >>> clf.predict(counts.transform(tools))
    array([1, 0, 1])
    """

    # What a target comes in is wanted wherever it is passed.
    __metadata_request__fit = {"X_tgt": True, "sample_domain": True}

    _parameter_constraints: dict = {
        # Any other would take the target's rows for labelled ones.
        "estimator": [DANNClassifier, DANNClassifierCV, None],
        "denoise": ["boolean"],
        "n_denoised": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(self, estimator=None, *, denoise=True, n_denoised=5000, random_state=None):
        self.estimator = estimator
        self.denoise = denoise
        self.n_denoised = n_denoised
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    @all_or_nothing(keeps="pipelines_")
    def fit(self, X, y, X_tgt=None, *, sample_domain=None):
        """Train on labelled source rows and unlabelled target rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Counts of words in the source's rows, or with `sample_domain` in those of both domains.
        y : array-like of shape (n_samples,)
            Labels; those of target rows are never read and may be anything.
        X_tgt : {array-like, sparse matrix} of shape (n_target_samples, n_features), default=None
            Counts of the same words in the target's rows.
        sample_domain : array-like of int of shape (n_samples,), default=None
            Positive for source rows (one number a source domain), negative for target rows.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If an argument does not fit the others, or holds negative numbers.

        Warns
        -----
        NoTargetWarning
            If there is neither `X_tgt` nor `sample_domain`.
        AdaptationWarning
            As :class:`DANNClassifier` does, from either sort of features.
        """
        check_row_labels(X, y=y, sample_domain=sample_domain)
        X = check_source(self, X)
        data = check_domains(self, X, y, X_tgt, sample_domain)
        rows, labels, domain = _check_counts(X, "X"), data.y, sample_domain
        if X_tgt is not None:
            parts = [rows, _check_counts(data.X_target, "X_tgt")]
            is_sparse = sparse.issparse(rows)
            rows = sparse.vstack(parts, format="csr") if is_sparse else np.concatenate(parts)
            domain = np.repeat([1, -1], [part.shape[0] for part in parts])
        if domain is not None:
            # Placeholders that are of the labels' kind, which y need not have.
            labels = np.full(rows.shape[0], data.y[0], dtype=data.y.dtype)
            labels[np.asarray(domain) > 0] = data.y
        self.classes_, _ = encode_classes(data.y)
        rng = check_random_state(self.random_state)
        pipelines = {}
        try:
            for name, steps in self._features().items():
                pipelines[name] = self._assemble(steps, rng.randint(2**31 - 1))
                self._train(pipelines[name], rows, labels, domain)
        finally:
            # After Ctrl-C too: what has been learned by then can be used.
            learned = {name: p for name, p in pipelines.items() if _has_learned(p[-1])}
            if learned:
                self.pipelines_ = learned
        return self

    def _features(self):
        """Return the steps that make the features, by their name."""
        features = {"words": [("tf-idf", TfidfTransformer(sublinear_tf=True))]}
        if self.denoise:
            denoising = MarginalizedStackedDenoisingAutoencoder(
                _N_LAYERS,
                noise=_NOISE,
                n_features_to_reconstruct=self.n_denoised,
                output="hidden",
            )
            features["denoised"] = [
                ("root", FunctionTransformer(np.sqrt, accept_sparse=True)),
                ("denoise", denoising),
                ("centre", StandardScaler(with_std=False)),
            ]
        return features

    def _assemble(self, steps, seed):
        estimator = default_estimator() if self.estimator is None else clone(self.estimator)
        estimator.set_params(random_state=seed)
        steps = [*steps, ("scale", CorrelationRatioScaler()), ("norm", Normalizer())]
        pipeline = Pipeline([*steps, ("networks", estimator)])
        for _, step in steps:
            if "random_state" in step.get_params():
                step.set_params(random_state=seed)
        return pipeline

    def _train(self, pipeline, rows, labels, domain):
        with _own_settings():
            if domain is not None:
                # Stacked, nothing is said a second time.
                pipeline.fit(rows, labels, sample_domain=domain)
                return
            with collected_warnings(NoTargetWarning):  # given already
                pipeline.fit(rows, labels)

    def predict_log_proba(self, X):
        """Logarithms of the class probabilities: the mean over both sorts of features.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Counts of words.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        check_is_fitted(self, "pipelines_")
        X = check_rows(self, X)
        X = _check_counts(X, "X")
        with _own_settings():
            each = [pipeline.predict_log_proba(X) for pipeline in self.pipelines_.values()]
        return each[0] if len(each) == 1 else log_softmax(np.mean(each, axis=0), axis=1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        return tags


def _has_learned(networks):
    """Tell whether there are networks to predict with."""
    return hasattr(getattr(networks, "best_estimator_", networks), "net_")


def _own_settings():
    """Let arrays go from step to step, whatever the user wants transformers to return."""
    return config_context(enable_metadata_routing=True, transform_output="default")


def _check_counts(X, name):
    """Return the counts with every number stored once, and no zeros: what is stored has a log."""
    if sparse.issparse(X) and not (X.has_canonical_format and X.data.all()):
        X = X.copy()
        X.sum_duplicates()
        X.eliminate_zeros()
    least = (X.data if sparse.issparse(X) else X).min(initial=0)
    if least < 0:
        raise ValueError(
            f"Negative values in data: {name} must hold counts of words, which are at least 0; "
            f"got {least:.3g}. For other features use DANNClassifier."
        )
    return X
