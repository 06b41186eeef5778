"""The benchmark of the DANN paper: Amazon reviews of four kinds of products."""

import os
from io import BytesIO
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from sklearn.datasets import load_svmlight_file
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from ._base import check_domains_differ, import_data_package
from ._remote import read_verified

_DOMAINS = ("books", "dvd", "electronics", "kitchen")
_N_FEATURES = 5000
_BASE_URL = (
    "https://raw.githubusercontent.com/GRAAL-Research/domain_adversarial_neural_network/"
    "74eec5e0ae06bd6614bce048abba492c16a633e3/data/"
)
_SHA256 = {
    "books_test": "fe4605c7dcf0e0a9410fd2a32f247caaf9abb352cc6e4c3e0f400853163ad9c4",
    "books_train": "317f9a2ec34b81de770b63a84d8c5cc2dc16bd0be6e079d2ff5b5bad5213ea19",
    "dvd_test": "4fe1b1a15010f78d8d0c49fe362d35fd4677463a45f1ac02a9f410ae1e638060",
    "dvd_train": "95f602aa08bf6b55758f7b0b18df3882fe30acb11987ee60b6b4bb3c44cba733",
    "electronics_test": "641783bc941839c3a111d3488a1b7e3bd820a61ec14a129e7429b47703aa961d",
    "electronics_train": "7d0061f03ff3827e4f8036b051b5e5828fddc0cd115aa5b212cd28d624dc14e4",
    "kitchen_test": "e1502b97a824eb12314be4447394fa736fecb781c0724e6529cd6733ac7ff6d8",
    "kitchen_train": "a70b5ebfe1413e0e16280360905f5c3b64389c435cd20c0165dc9d7f293b31b5",
}

_DESCR = """\
Amazon reviews of books, dvd, electronics and kitchen
-----------------------------------------------------

The sentiment benchmark of section 5.1.2 of Ganin et al., "Domain-Adversarial Training of
Neural Networks", Journal of Machine Learning Research 17(59), 2016.

Features: counts of 5000 unigrams and bigrams; their names are not published. Labels: 0 for a
negative review (up to 3 stars), 1 for a positive one (4 or 5 stars); the files say -1 and 1.
Each domain has 2000 reviews to train on, half of them positive, and 4465 (books),
3586 (dvd), 5681 (electronics) or 5945 (kitchen) to test on.

The paper's protocol: train on the source's training reviews with labels and the target's
training reviews without, report the accuracy on the target's test reviews.

Origin: collected by J. Blitzer, M. Dredze and F. Pereira ("Biographies, Bollywood,
Boom-boxes and Blenders", ACL 2007), preprocessed by M. Chen, Z. Xu, K. Weinberger and F. Sha
("Marginalized Denoising Autoencoders for Domain Adaptation", ICML 2012), published by the
authors of the DANN paper at https://github.com/GRAAL-Research/domain_adversarial_neural_network
(folder data), from where the files are downloaded unchanged.

License: that repository is under the BSD 2-clause license, the texts of the reviews remain
their writers'. The data sets are published for research; sk_dann does not distribute them.
"""


@validate_params(
    {
        "source": [StrOptions(set(_DOMAINS))],
        "target": [StrOptions(set(_DOMAINS))],
        "data_home": [str, os.PathLike, None],
        "download_if_missing": ["boolean"],
        "return_X_y": ["boolean"],
        "n_retries": [Interval(Integral, 0, None, closed="left")],
        "delay": [Interval(Real, 0, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def fetch_amazon_reviews(
    source="books",
    target="dvd",
    *,
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    n_retries=3,
    delay=1.0,
):
    """Load two domains of the Amazon reviews benchmark, downloading them if necessary.

    The sentiment data of [1]_, section 5.1.2: is a review of a product of one kind positive,
    when labels are known for another kind only?

    =================   =================================
    Classes                                             2
    Training reviews                  2000 in each domain
    Test reviews           4465, 3586, 5681 or 5945
    Dimensionality                                   5000
    Features              counts, 63 to 92 a row not zero
    =================   =================================

    Parameters
    ----------
    source : {'books', 'dvd', 'electronics', 'kitchen'}, default='books'
        Domain whose labels are known.

    target : {'books', 'dvd', 'electronics', 'kitchen'}, default='dvd'
        Domain to adapt to; another one than `source`.

    data_home : str or path-like, default=None
        Folder that holds the folder `amazon_reviews` with the files, or shall hold it. By
        default the environment variable `SK_DANN_DATA` names it; without that, it is the
        user's cache folder. A folder that already holds the files may be read-only.

    download_if_missing : bool, default=True
        If False, raise an OSError if a file is not there instead of downloading it.

    return_X_y : bool, default=False
        If True, return the tuple `(X_src, y_src, X_tgt, X_test, y_test)` instead of a Bunch.

    n_retries : int, default=3
        How many times a download that fails is tried again. It continues where it was cut off,
        also in a later call.

    delay : float, default=1.0
        Seconds to wait before the first retry; doubled before each further one.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        X_src : CSR matrix of shape (2000, 5000), dtype=float64
            Training reviews of the source domain.
        y_src : ndarray of shape (2000,), dtype=int64
            Their labels: 0 for negative, 1 for positive.
        X_tgt : CSR matrix of shape (2000, 5000), dtype=float64
            Training reviews of the target domain, to adapt to.
        y_tgt : ndarray of shape (2000,), dtype=int64
            Their labels. For research only: whoever adapts does not have them.
        X_test : CSR matrix of shape (n_test, 5000), dtype=float64
            Test reviews of the target domain.
        y_test : ndarray of shape (n_test,), dtype=int64
            Their labels.
        X_src_test : CSR matrix of shape (n_src_test, 5000), dtype=float64
            Test reviews of the source domain.
        y_src_test : ndarray of shape (n_src_test,), dtype=int64
            Their labels.
        target_names : list of str
            Names of the labels 0 and 1.
        source, target : str
            The two domains.
        DESCR : str
            Origin of the data, and their license.

    (X_src, y_src, X_tgt, X_test, y_test) : tuple if ``return_X_y`` is True
        The same arrays, in the order in which `fit(X_src, y_src, X_tgt)` and
        `score(X_test, y_test)` take them.

    Raises
    ------
    ValueError
        If a domain does not exist or `source` and `target` are the same.
    OSError
        If a file is missing and must not or cannot be downloaded, or if its SHA-256 is not
        that of the published file.
    ImportError
        If a file is missing and the packages to download it are, too.

    References
    ----------
    .. [1] Y. Ganin, E. Ustinova, H. Ajakan, P. Germain, H. Larochelle, F. Laviolette,
       M. Marchand and V. Lempitsky, "Domain-Adversarial Training of Neural Networks",
       Journal of Machine Learning Research 17(59), 2016.
       https://jmlr.org/papers/v17/15-239.html

    Examples
    --------
    >>> from sk_dann.datasets import fetch_amazon_reviews
    >>> data = fetch_amazon_reviews(source="books", target="kitchen")  # doctest: +SKIP
    >>> data.X_src.shape, data.X_tgt.shape, data.X_test.shape  # doctest: +SKIP
    ((2000, 5000), (2000, 5000), (5945, 5000))
    """
    check_domains_differ(source, target, _DOMAINS)
    folder = _get_data_home(data_home) / "amazon_reviews"
    transport = {
        "download_if_missing": download_if_missing,
        "n_retries": n_retries,
        "delay": delay,
    }
    X_src, y_src = _read_part(folder, f"{source}_train", transport)
    X_tgt, y_tgt = _read_part(folder, f"{target}_train", transport)
    X_test, y_test = _read_part(folder, f"{target}_test", transport)
    if return_X_y:
        return X_src, y_src, X_tgt, X_test, y_test
    X_src_test, y_src_test = _read_part(folder, f"{source}_test", transport)
    return Bunch(
        X_src=X_src,
        y_src=y_src,
        X_tgt=X_tgt,
        y_tgt=y_tgt,
        X_test=X_test,
        y_test=y_test,
        X_src_test=X_src_test,
        y_src_test=y_src_test,
        target_names=["negative", "positive"],
        source=source,
        target=target,
        DESCR=_DESCR,
    )


def _get_data_home(data_home):
    if data_home is None:
        data_home = os.environ.get("SK_DANN_DATA")
    if not data_home:
        data_home = import_data_package("pooch").os_cache("sk_dann")
    return Path(data_home).expanduser()


def _read_part(folder, part, transport):
    """Return features (n, 5000) and labels (n,) of one file, such as 'books_train'."""
    filename = f"{part}.svmlight"
    content = read_verified(folder / filename, _BASE_URL + filename, _SHA256[part], **transport)
    X, y = load_svmlight_file(BytesIO(content), n_features=_N_FEATURES, zero_based=True)
    # scikit-learn's reader makes 64-bit indices, which several of its estimators refuse.
    X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    return X, (y > 0).astype(np.int64)
