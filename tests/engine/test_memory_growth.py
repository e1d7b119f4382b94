"""The estimate of memory against the peak of a process that trains, for networks of many shapes."""

import json
import subprocess
import sys

import pytest

from benchmark import backend
from tests.small_study import program_environment

pytestmark = pytest.mark.slow

MEASURE = """
import json, re, sys
from pathlib import Path
from benchmark import backend
backend.select(sys.argv[1])
from benchmark.engine import VectorizedEngine
from benchmark.engine.memory import footprint
from benchmark.engine.programs import PROGRAMS
from benchmark.trial import CurvatureRequest, DatasetProblem
from tests.engine.trials import make_trial, run_all

data, model, options, optimizer, slots, batch, curvature = json.loads(sys.argv[2])
problem = DatasetProblem(data, loss="sparse_categorical_crossentropy", metric="accuracy")
numbers = {"learning_rate": 1e-3, "batch_size": batch}
request = CurvatureRequest(**{k: tuple(v) for k, v in curvature.items()})

def trials(model, options, count, **changes):
    return [
        make_trial(n, optimizer, 2, problem, model=model, model_options=options,
                   hyperparameters=numbers, **changes)
        for n in range(count)
    ]

def train(capacity, trials):
    engine = VectorizedEngine(capacity)
    results = run_all(engine, trials)
    assert {result.status.value for result, _ in results.values()} == {"completed"}
    assert engine.capacity == capacity
    group = next(iter(engine._groups._groups.values()))
    engine.close()
    return group

def peak():
    # Not resource's ru_maxrss: it begins with the memory of the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", status)[1])

train(2, trials("linear", {"initializer": "uniform"}, 1))
PROGRAMS.clear()
before = peak()
group = train(slots, trials(model, options, slots, curvature=request))
shared = group.shared
need = footprint(group.program, shared.task.model, shared.rows, request)
estimate = need.total(slots, group.program.shape, backend.computing_threads())
print(json.dumps([estimate, peak() - before]))
"""
MLP, CONVOLUTIONAL = "multilayer_perceptron", "convolutional_network"
SHAPES = {
    "wide": ("iris", MLP, {"hidden": [200_000]}, "sgd", 1, 32, {}),
    "deep, with Adam": ("digits", MLP, {"hidden": [2048, 2048]}, "adam", 1, 32, {}),
    "many trials": ("digits", MLP, {"hidden": [512, 512]}, "adam", 16, 32, {}),
    "many plain trials": ("digits", MLP, {"hidden": [1024, 1024]}, "sgd", 8, 64, {}),
    "large batch": ("iris", MLP, {"hidden": [200_000]}, "adam", 4, 90, {}),
    "convolutional": ("digits", CONVOLUTIONAL, {"filters": [64, 64]}, "adam", 4, 64, {}),
    "followed": ("iris", MLP, {"hidden": [200_000]}, "sgd", 2, 32, {"monitored_epochs": [0, 2]}),
    "diagnosed": ("iris", MLP, {"hidden": [200_000]}, "sgd", 1, 32, {"epochs": [0, 2]}),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_estimate_is_within_a_factor_of_one_and_a_half_of_the_peak(shape, tmp_path):
    # Compiling takes memory, which a program from the cache of an earlier process does not.
    process = subprocess.run(
        [sys.executable, "-c", MEASURE, backend.name(), json.dumps(shape)],
        env=program_environment(KAPPABENCH_CACHE=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    estimate, grown = json.loads(process.stdout.splitlines()[-1])
    assert grown / 1.5 <= estimate <= 1.5 * grown, (estimate / 1e6, grown / 1e6)
