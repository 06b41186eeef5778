"""Is a fit that was killed and resumed the fit that was not, to the bit?

A process that trains with skorch's `Checkpoint` and `LoadInitState` is killed with SIGKILL at a
random moment and started again, until it is done; its predictions are compared with those of a
process that was left alone.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

TRAIN = """
import sys
import numpy as np
from skorch.callbacks import Checkpoint, LoadInitState
from sk_dann import DANNClassifier
from sk_dann.datasets import make_inter_twinning_moons

folder, result = sys.argv[1:]
# Each epoch has files of its own, and the history, written last, says which count.
checkpoint = Checkpoint(
    monitor=None,
    dirname=folder,
    f_params="params_{last_epoch[epoch]}.pt",
    f_optimizer="optimizer_{last_epoch[epoch]}.pt",
    f_criterion=None,
)
X_src, y_src, X_tgt, _ = make_inter_twinning_moons(random_state=0)
print("ready", flush=True)
clf = DANNClassifier(
    max_iter=200, random_state=0, callbacks=[LoadInitState(checkpoint), checkpoint]
).fit(X_src, y_src, X_tgt)
np.save(result, clf.predict_proba(X_tgt))
"""


def start(folder, result):
    command = [sys.executable, "-c", TRAIN, str(folder), str(result)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    return process


def count_epochs(folder):
    return len(list(folder.glob("params_*.pt")))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n-kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    moments = rng.integers(1, 180, args.n_kills)
    same = 0
    with tempfile.TemporaryDirectory() as home:
        home = Path(home)
        start(home / "whole", home / "whole.npy").wait()
        expected = np.load(home / "whole.npy")
        for number in range(args.n_kills):
            result = home / f"{number}.npy"
            killed = start(home / str(number), result)
            # At any moment of an epoch, be it in the midst of writing a file.
            while count_epochs(home / str(number)) < moments[number]:
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.02))
            killed.kill()
            killed.wait()
            unfinished = not result.exists()
            n_epochs = count_epochs(home / str(number))
            start(home / str(number), result).wait()
            equal = np.array_equal(np.load(result), expected)
            same += equal and unfinished
            print(f"{number + 1:2d}: killed after {n_epochs:3d} of 200 epochs, same bits: {equal}")
    print(f"{same} of {args.n_kills} resumed to the bits of the uninterrupted fit")
    sys.exit(same != args.n_kills)


if __name__ == "__main__":
    main()
