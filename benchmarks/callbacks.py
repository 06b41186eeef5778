"""What do skorch's default callbacks cost?

The same fit with and without them, in alternating rounds in one process.
"""

import argparse
import statistics
import time

import numpy as np
import torch
from skorch.callbacks import EpochTimer, PassthroughScoring, PrintLog
from skorch.utils import noop

from sk_dann import DANNClassifier

VARIANTS = {
    "without": lambda: None,
    # skorch's list, but for printing, and for the loss on a Dataset that is not there.
    "default callbacks": lambda: [
        ("timer", EpochTimer()),
        PassthroughScoring("train_loss", on_train=True),
        PrintLog(sink=noop),
    ],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 20)).astype(np.float32)
    y, X_tgt = (X[:, 0] > 0).astype(int), X + 0.5
    seconds = {name: [] for name in VARIANTS}
    for number in range(args.rounds + 1):
        for name, callbacks in VARIANTS.items():
            clf = DANNClassifier(
                label_shift=None, device="cpu", random_state=0, callbacks=callbacks()
            )
            began = time.perf_counter()
            clf.fit(X, y, X_tgt)
            if number:  # the first round warms up
                seconds[name].append(time.perf_counter() - began)
    ratios = [b / a for a, b in zip(*seconds.values(), strict=True)]
    for name, values in seconds.items():
        print(f"{name:18s} {statistics.median(values):.3f} s (median of {args.rounds})")
    print(
        f"ratio              {statistics.median(ratios):.3f} ({min(ratios):.3f}-{max(ratios):.3f})"
    )
    print("table of 2000 + 2000 rows × 20, 20 epochs, one thread, label_shift=None")


if __name__ == "__main__":
    main()
