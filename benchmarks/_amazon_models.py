"""The models of the Amazon benchmark, and how the hyper-parameters of each were chosen.

A model is a function of `Reviews` and a seed that returns accuracy and AUC on the target's test
rows, and the seconds of its fit. To add one, write the function and name it in `models`.
"""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from _peers import PEERS
from _recipes import RECIPES
from _reviews import adapt_on_tfidf, measure
from sklearn.linear_model import LogisticRegression

from sk_dann import CDANClassifier, DANNClassifier
from sk_dann.nn import CentralMomentDiscrepancy

DEVELOPMENT = "defaults, chosen by accuracy on the four development tasks"


@dataclass(frozen=True)
class Model:
    """A column of the table.

    Parameters
    ----------
    run : callable of Reviews and a seed
        Returns accuracy, AUC and seconds.
    about : str
        What it is, and how its hyper-parameters were chosen.
    is_random : bool, default=True
        Whether the seed makes a difference.
    needs : str, default="sk_dann"
        A package, or with a dot a name in a package, without which it is left out.
    is_peer : bool, default=False
        Whether it is another library's.
    """

    run: Callable
    about: str
    is_random: bool = True
    needs: str = "sk_dann"
    is_peer: bool = False

    @property
    def is_installed(self):
        """Whether what it needs is there."""
        package, _, name = self.needs.partition(".")
        if importlib.util.find_spec(package) is None:
            return False
        return not name or hasattr(importlib.import_module(package), name)


def logistic(data, seed):
    """Train logistic regression on the source."""
    X_src, _, X_test = data.tfidf
    return measure(LogisticRegression(), (X_src, data.y_src), X_test, data.y_test)


def target_trained(data, seed):
    """Train logistic regression on the labels of the rows that the others adapt to."""
    _, X_tgt, X_test = data.tfidf
    return measure(LogisticRegression(), (X_tgt, data.y_tgt), X_test, data.y_test)


def cmd_alone(random_state):
    """Make the network with central moments instead of the domain game."""
    terms = [CentralMomentDiscrepancy()]
    return DANNClassifier(lambda_adapt=0.0, terms=terms, random_state=random_state)


def models(params):
    """Return name → Model, those of this library with `params`."""
    alone = params | {"lambda_adapt": 0.0, "label_shift": None}
    own = {
        "logistic": Model(
            logistic, "scikit-learn's logistic regression with its defaults", is_random=False
        ),
        "source-only": Model(
            partial(adapt_on_tfidf, partial(DANNClassifier, **alone)),
            "the network of DANN with lambda_adapt=0, label_shift=None",
        ),
        "DANN": Model(
            partial(adapt_on_tfidf, partial(DANNClassifier, **params)),
            f"DANNClassifier: {DEVELOPMENT}",
        ),
        "CMD alone": Model(
            partial(adapt_on_tfidf, cmd_alone),
            "DANNClassifier(lambda_adapt=0, terms=[CentralMomentDiscrepancy()]), all else default",
        ),
        "CDAN": Model(
            partial(adapt_on_tfidf, CDANClassifier),
            "CDANClassifier with its defaults",
        ),
    }
    own |= {name: Model(*recipe) for name, recipe in RECIPES.items()}
    own["target-trained"] = Model(
        target_trained,
        "the limit: logistic regression on the target's own 2000 labels, which no other model sees",
        is_random=False,
    )
    return own | {name: Model(*peer, is_peer=True) for name, peer in PEERS.items()}
