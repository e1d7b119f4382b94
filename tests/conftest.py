"""What every test shares: the backend is chosen before anything imports Keras."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

from benchmark import backend

# As every study does, so that no test depends on which one was the first to do it.
backend.select(os.environ["KERAS_BACKEND"])
