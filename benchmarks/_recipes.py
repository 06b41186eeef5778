"""Whole recipes, from the counts to the predictions, as columns of the Amazon benchmark.

Name → function of `_reviews.Reviews` and a seed that returns accuracy, AUC and seconds, and a
sentence on how its hyper-parameters were chosen. In this order each adds something to the one
before.
"""

from functools import partial

from _reviews import adapt_on_tfidf, measure

from sk_dann import BagOfWordsDANNClassifier, DANNClassifier
from sk_dann.estimators._bag_of_words import default_estimator

_CHOSEN = "chosen by accuracy on the four development tasks"


def _with_terms(random_state):
    return default_estimator().set_params(random_state=random_state)


def _recipe(data, seed, *, denoise, adapt=True):
    alone = default_estimator().set_params(lambda_adapt=0.0, terms=None)
    model = BagOfWordsDANNClassifier(None if adapt else alone, denoise=denoise, random_state=seed)
    X_src, X_tgt, X_test = data.counts
    return measure(model, (X_src, data.y_src, X_tgt), X_test, data.y_test)


RECIPES = {
    "DANN × 8": (
        partial(adapt_on_tfidf, partial(DANNClassifier, n_estimators=8)),
        "DANNClassifier(n_estimators=8)",
    ),
    "+ terms": (
        partial(adapt_on_tfidf, _with_terms),
        "the networks of the recipe on plain tf-idf: information maximisation (.1), minimum class "
        f"confusion (.3), 256 units in the domain classifier, dropout .7; {_CHOSEN}",
    ),
    "recipe, words": (
        partial(_recipe, denoise=False),
        "BagOfWordsDANNClassifier(denoise=False): + columns scaled by correlation ratio; "
        f"{_CHOSEN}",
    ),
    "recipe": (
        partial(_recipe, denoise=True),
        f"BagOfWordsDANNClassifier(): + the same on mSDA, averaged; {_CHOSEN}",
    ),
    "recipe, words, λ = 0": (
        partial(_recipe, denoise=False, adapt=False),
        "the networks of the recipe with lambda_adapt=0 and no terms, on the same features",
    ),
    "recipe, λ = 0": (
        partial(_recipe, denoise=True, adapt=False),
        "the networks of the recipe with lambda_adapt=0 and no terms, on the same features",
    ),
}
