"""Schedules against those of Keras, and their rules."""

import keras
import numpy as np
import pytest
from optuna.distributions import FloatDistribution, IntDistribution

from benchmark.optimizers import SCHEDULES, Plateau
from benchmark.optimizers.schedules import complete, factors
from benchmark.search.space import make_space
from benchmark.session.resolution import search_settings
from benchmark.study.catalogue import catalogue
from benchmark.study.loading import load_study

TOTAL = 70
STEPS = np.arange(TOTAL)
RATE = 0.3
KERAS = keras.optimizers.schedules


def on_plateau(losses, **parameters) -> list[float]:
    """The factor after each epoch."""
    plateau, epoch_factors = Plateau(), []
    for loss in losses:
        plateau = plateau.after(loss, complete("reduce_on_plateau", parameters))
        epoch_factors.append(plateau.factor)
    return epoch_factors


ORACLES = [
    ("step", {"decay_rate": 0.5, "decay_steps": 0.3},
     KERAS.ExponentialDecay(RATE, 21, 0.5, staircase=True)),
    ("step", {"decay_rate": 0.1, "decay_steps": 0.4},
     KERAS.PiecewiseConstantDecay([27, 55], [RATE, RATE * 0.1, RATE * 0.01])),
    ("exponential", {"decay_rate": 0.96, "decay_steps": 0.1},
     KERAS.ExponentialDecay(RATE, 7, 0.96)),
    ("inverse_time", {"decay_rate": 2.5, "decay_steps": 0.5},
     KERAS.InverseTimeDecay(RATE, 35, 2.5)),
    ("polynomial", {"decay_steps": 0.5, "end_factor": 0.2, "power": 2.0},
     KERAS.PolynomialDecay(RATE, 35, 0.2 * RATE, 2.0)),
    ("polynomial", {}, KERAS.PolynomialDecay(RATE, TOTAL, 0.0)),
    ("cosine", {"alpha": 0.1, "decay_steps": 0.6}, KERAS.CosineDecay(RATE, 42, 0.1)),
    ("cosine_restarts", {"first_decay_steps": 0.1, "t_mul": 2.0, "m_mul": 0.8, "alpha": 0.05},
     KERAS.CosineDecayRestarts(RATE, 7, 2.0, 0.8, 0.05)),
    ("cosine_restarts", {"first_decay_steps": 0.2, "t_mul": 1.0, "m_mul": 0.5},
     KERAS.CosineDecayRestarts(RATE, 14, 1.0, 0.5)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "parameters", "oracle"), ORACLES)
def test_keras_has_the_same_rates(name, parameters, oracle):
    expected = [float(oracle(step)) for step in STEPS]
    rates = RATE * factors(name, STEPS, TOTAL, parameters)
    # Keras computes in float32; powers lose a few units of its last place.
    np.testing.assert_allclose(rates, expected, rtol=1e-5, atol=1e-7)


def test_warm_up_is_keras_one_update_earlier():
    """Ours has no first update at the rate zero; what follows is the same."""
    oracle = KERAS.CosineDecay(0.0, 56, 0.1, warmup_target=RATE, warmup_steps=14)
    rates = RATE * factors("cosine", STEPS, TOTAL, {"alpha": 0.1, "warmup": 0.2})
    warm_up = [float(oracle(step + 1)) for step in range(14)]
    # Keras computes in float32.
    np.testing.assert_allclose(rates[:14], warm_up, rtol=1e-5)
    np.testing.assert_allclose(rates[14:], [float(oracle(step)) for step in STEPS[14:]], rtol=1e-5)


def test_one_cycle_goes_through_its_corners():
    parameters = {"initial_factor": 0.1, "peak": 0.4, "end_factor": 0.5}
    corners = factors("one_cycle", [0, 20, 40, 60, 80, 90, 100], 100, parameters)
    # Sums of decimal fractions in binary.
    expected = [0.1, 0.55, 1, 0.55, 0.1, 0.075, 0.05]
    np.testing.assert_allclose(corners, expected, rtol=1e-12)
    whole = factors("one_cycle", [0, 50, 100], 100, {"peak": 0.5})
    np.testing.assert_allclose(whole, [0.1, 1.0, 0.1], rtol=1e-12)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("warmup", [0.0, 0.13])
def test_factors_are_finite_shares_that_do_not_depend_on_how_they_are_asked_for(name, warmup):
    parameters = {"warmup": warmup}
    all_at_once = factors(name, np.arange(90), TOTAL, parameters)
    assert all_at_once.dtype == np.float64
    assert ((all_at_once >= 0) & (all_at_once <= 1)).all()
    one_by_one = [float(factors(name, step, TOTAL, parameters)) for step in range(90)]
    # NumPy takes another path for powers of arrays than of single numbers.
    np.testing.assert_allclose(all_at_once, one_by_one, rtol=1e-14)
    np.testing.assert_array_equal(all_at_once[TOTAL:], all_at_once[TOTAL])


@pytest.mark.parametrize("name", SCHEDULES)
def test_times_are_fractions_of_the_training(name):
    """Ten times the updates, at every tenth of them the same rates."""
    coarse = factors(name, np.arange(20), 20, {})
    np.testing.assert_allclose(factors(name, np.arange(0, 200, 10), 200, {}), coarse, rtol=1e-12)


@pytest.mark.parametrize("name", SCHEDULES)
def test_defaults_and_spaces_obey_their_rules_and_name_their_source(name):
    entry = SCHEDULES[name]
    assert list(entry.parameters)[-1] == "warmup"
    for parameter, hyperparameter in entry.parameters.items():
        for value in (
            hyperparameter.default,
            hyperparameter.space["low"],
            hyperparameter.space["high"],
        ):
            hyperparameter.check(parameter, value)
        assert hyperparameter.source
        assert hyperparameter.space["low"] < hyperparameter.space["high"]


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_parameter_can_be_searched(name, tmp_path):
    """Over its default space, in a study that is valid, as a value that changes the rates."""
    spaces = {
        f"schedule_{key}": hyperparameter.space
        for key, hyperparameter in SCHEDULES[name].parameters.items()
    }
    lines = [
        f"{key} = {{ low = {space['low']}, high = {space['high']}, "
        f"log = {str(space.get('log', False)).lower()} }}"
        for key, space in spaces.items()
    ]
    path = tmp_path / "searched.toml"
    path.write_text(
        f'question = "?"\ncompare = ["sgd"]\n[problem]\ndataset = "iris"\n'
        f'[training]\nschedule = "{name}"\n[search.common]\n' + "\n".join(lines)
    )
    facts = catalogue()
    study = load_study(path, facts)
    assert {key for key, dimension in study.space("sgd").items() if not dimension.is_fixed} == set(
        spaces
    )
    search_space = make_space(study.space("sgd"), search_settings(study).integers, "sgd")
    for key, hyperparameter in SCHEDULES[name].parameters.items():
        distribution = search_space.distributions[f"schedule_{key}"]
        assert isinstance(distribution, IntDistribution | FloatDistribution)
        assert isinstance(distribution, IntDistribution) == hyperparameter.integer
        assert (distribution.low, distribution.high) == (
            hyperparameter.space["low"],
            hyperparameter.space["high"],
        )
    if name == "reduce_on_plateau":  # its rates follow losses, see below
        return
    for key, hyperparameter in SCHEDULES[name].parameters.items():
        low, high = (
            factors(name, STEPS, TOTAL, {key: hyperparameter.space[end]}) for end in ("low", "high")
        )
        assert not np.allclose(low, high), key


def test_a_short_training_has_its_warm_up_too():
    assert factors("cosine", [0, 1, 2], 2, {"warmup": 0.99}).tolist() == [0.5, 1.0, 1.0]


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("cosin", {}, "Did you mean `cosine`"),
        ("step", {"decay_rat": 1}, "a parameter of the schedule step must .*`decay_rate`"),
        ("step", {"decay_rate": 0.0}, "decay_rate must be > 0 and <= 1. Received 0"),
        ("cosine", {"warmup": 1.0}, "warmup must be >= 0 and < 1. Received 1"),
        ("reduce_on_plateau", {"patience": 1.5}, "patience must be a whole number and >= 1"),
    ],
)
def test_wrong_parameters_are_refused(name, parameters, message):
    with pytest.raises(ValueError, match=message):
        factors(name, STEPS, TOTAL, parameters)


def test_a_training_has_updates():
    with pytest.raises(ValueError, match=r"total must be >= 1.* Received 0"):
        factors("constant", [0], 0, {})


@pytest.mark.parametrize("seed", range(5))
def test_plateaus_are_those_of_keras(seed):
    losses = 1 + np.cumsum(np.random.default_rng(seed).normal(-0.02, 0.1, size=60))
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1.0))
    callback = keras.callbacks.ReduceLROnPlateau("loss", 0.5, patience=3, min_delta=0.05)
    callback.set_model(model)
    callback.on_train_begin()
    callback._set_monitor_op = lambda: None  # the model has no metrics to look at
    callback._is_improvement = callback.monitor_op = lambda now, best: now < best - 0.05
    callback.best = np.inf
    expected = []
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"loss": loss})
        expected.append(float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)))
    assert len(set(expected)) > 3
    assert on_plateau(losses, factor=0.5, patience=3, min_delta=0.05) == expected
