"""What every test shares: the backend is chosen before anything imports Keras."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import importlib

import pytest

from benchmark import backend
from benchmark.tracking.client import SETTINGS

# The import of MLflow 3.9 closes every handler of the logging module. After TensorFlow's import
# that would close the stream that pytest captures, so MLflow comes first, with a study's settings.
for name, value in SETTINGS.items():
    os.environ.setdefault(name, value)
importlib.import_module("mlflow")

# As every study does, so that no test depends on which one was the first to do it.
backend.select(os.environ["KERAS_BACKEND"])


@pytest.fixture(autouse=True)
def _no_remembered_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin each test as a process begins: with no secret to hide."""
    monkeypatch.setattr("benchmark.urls._remembered", {})


@pytest.fixture(autouse=True)
def _no_store_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin each test without a store of MLflow, and take back what the test sets.

    ``mlflow.set_tracking_uri`` also sets the variable, for the processes that are started later.
    """
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
