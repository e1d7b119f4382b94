"""The saved model of a run is examined on what it takes: raw features, the trained target."""

from pathlib import Path

import numpy as np
import pytest

from benchmark.data import prepare
from benchmark.engine import exported_model
from benchmark.inspection.models import model_subject
from benchmark.inspection.settings import InspectionError, Settings
from benchmark.trial import DatasetProblem, Trial, named_seed
from benchmark.trial import Settings as Values


@pytest.mark.parametrize("scaling", ["none", "standard"])
def test_the_loss_is_that_of_the_training(tmp_path: Path, scaling: str) -> None:
    seed = named_seed(0, "split")
    loss = "mean_squared_error"
    problem = DatasetProblem("diabetes", scaling=scaling, loss=loss, split_seed=seed)
    none = Values()
    trial = Trial(0, "search", problem, "linear", none, "sgd", "sgd", none, none, 1, 0)
    weights = [np.linspace(-0.01, 0.01, 10).reshape(10, 1), np.array([0.5])]
    file = tmp_path / "sgd.keras"
    exported_model(trial, weights).model.save(file)
    subject = model_subject(file, "diabetes", None, None, Settings())
    loss = subject.loss(subject.weights, subject.x, subject.y, subject.state)
    train = prepare("diabetes", problem.fractions, scaling, seed).train
    errors = train.x.astype(np.float64) @ weights[0] + weights[1] - train.y[:, None]
    assert float(loss) == pytest.approx((errors**2).mean(), rel=1e-5)
    assert ("scaling", "none") in subject.facts
    with pytest.raises(InspectionError, match="must be none for a model that scales its inputs"):
        model_subject(file, "diabetes", None, "standard", Settings())
