"""Fits ADAPT's DANN whenever a number of epochs comes in, and answers in JSON.

Runs in an environment of its own (`pip install adapt tensorflow-cpu`), so it imports nothing of
this project's. λ follows the same schedule, by ADAPT's own callback; there is no weight decay.
"""

import json
import os
import sys
import time
from importlib.metadata import version

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
from adapt.feature_based import DANN
from adapt.utils import UpdateLambda
from keras.layers import Dense


def memory(key):
    """Read VmRSS or its highest value so far, VmHWM, in MB."""
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def fit(X_src, y_src, X_tgt, settings, n_epochs):
    one_hot = np.eye(2, dtype=np.float32)[y_src]
    n_steps = n_epochs * -(-len(X_src) // settings["batch_size"])
    keras.utils.set_random_seed(0)
    wall, cpu = time.perf_counter(), time.process_time()
    model = DANN(
        encoder=keras.Sequential([Dense(settings["n_hidden"], activation="relu")]),
        task=keras.Sequential([Dense(2, activation="softmax")]),
        discriminator=keras.Sequential([Dense(1, activation="sigmoid")]),
        Xt=X_tgt,
        lambda_=tf.Variable(0.0),
        loss="categorical_crossentropy",
        optimizer=keras.optimizers.Adam(settings["learning_rate"]),
        copy=False,
        verbose=0,
    )
    schedule = UpdateLambda(max_steps=n_steps, gamma=10.0)
    model.fit(
        X_src,
        one_hot,
        epochs=n_epochs,
        batch_size=settings["batch_size"],
        callbacks=[schedule],
        verbose=0,
    )
    seconds = (time.perf_counter() - wall, time.process_time() - cpu)
    parts = (model.encoder_, model.task_, model.discriminator_)
    proba = model.task_(model.encoder_(X_src)).numpy()
    return {
        "n_epochs": len(model.history_["loss"]),
        "n_steps": int(model.optimizer.iterations.numpy()),
        # Before, for a label that is known nothing of, and after.
        "losses": [float(np.log(2)), float(-np.log(proba[one_hot == 1] + 1e-9).mean())],
        "layers": [list(map(int, part.layers[-1].kernel.shape)) for part in parts],
        "optimizer": type(model.optimizer).__name__,
        "seconds": seconds,
    }


def main():
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    data, settings = np.load(sys.argv[1]), json.loads(sys.argv[2])
    arrays = [data[name] for name in ("X_src", "y_src", "X_tgt")]
    names = ("adapt", "tensorflow", "keras")
    print(json.dumps({"versions": {name: version(name) for name in names}}), flush=True)
    before = memory("VmRSS")
    for line in sys.stdin:
        answer = fit(*arrays, settings, int(line))
        peak = memory("VmHWM")
        print(json.dumps({**answer, "peak_mb": peak, "over_input_mb": peak - before}), flush=True)


if __name__ == "__main__":
    main()
