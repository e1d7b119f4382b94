"""A user's own ``fit`` with an optimizer of ours keeps Keras's defaults, shuffling among them."""

import subprocess
import sys

from tests.source_tree import ROOT

SCRIPT = """
import keras, numpy
from benchmark.optimizers import load_optimizer
from benchmark.optimizers.objective_model import with_objective

def fitted(optimizer, prepared=lambda model: model):
    model = prepared(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))
    model.compile(optimizer, "mse")
    x = numpy.ones((8, 3), "float32")
    model.fit(x, x[:, :1], verbose=0)

fitted(keras.optimizers.Adam())
fitted(load_optimizer("shampoo")())
fitted(load_optimizer("sam")(), with_objective)
fitted(keras.optimizers.Adam())
from benchmark import backend
backend.select(backend.name())
fitted(keras.optimizers.Adam())
"""


def test_fit_without_a_seed_works_before_and_after_ours():
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert process.returncode == 0, process.stderr[-3000:]
