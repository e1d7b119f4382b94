"""Made-up measurements for the tests of what is written about them."""

from speed.measurement import Measurement


def measurement(name, *values, unit="s/trial", missing="", **facts) -> Measurement:
    return Measurement(name, f"title of {name}", tuple(values), unit, facts, missing)


def by_name(*found: Measurement) -> dict[str, Measurement]:
    return {one.name: one for one in found}


def whole_run() -> dict[str, Measurement]:
    """A measurement of everything that a target looks at, in round numbers."""
    clocks = {"train": 0.02, "search": 0.01}
    work = {"training_flops": 6e8, "evaluation_flops": 7e8, "epochs_trained": 1.0}
    return by_name(
        measurement("matrix_product", 90.0, 100.0, 110.0, unit="GFLOP/s"),
        measurement("usual_way/digits_mlp", 4.0, 5.0, 6.0, trials=3),
        measurement("scikit_learn/digits_mlp/one", 0.2, trials=4),
        measurement("scikit_learn/digits_mlp/all", 0.1, trials=8),
        measurement("vectorized/digits_mlp/tensorflow", 0.04, 0.02, 0.03, trials=8, **work),
        measurement("vectorized/digits_mlp/tensorflow/batch_32", 0.02, trials=8, **work),
        measurement("vectorized/digits_mlp/tensorflow/workers_1", 0.03, trials=8),
        measurement("vectorized/digits_mlp/tensorflow/workers_2", 0.015, trials=8),
        measurement("vectorized/wide_mlp/tensorflow", 0.8, trials=4, training_flops=4e10),
        measurement(
            "whole_study/digits_mlp/100",
            0.05,
            trials=100,
            clocks=clocks,
            seconds_after_last_trial=1.0,
            report_seconds=2.5,
        ),
        measurement("growth/digits_mlp/1", 3.0, trials=1),
        measurement("growth/digits_mlp/100", 0.129, trials=100),
        measurement("growth/digits_mlp/1000", 0.08, trials=1000),
        measurement("growth/digits_mlp/2000", 0.1214, trials=2000),
        measurement("overhead/digits_mlp/tpe/1000", 0.02, trials=1000, clocks=clocks),
        measurement(
            "pruning/digits_mlp/100",
            0.05,
            trials=100,
            slot_epochs=[950, 1000],
            statuses={"pruned": 50, "completed": 50},
        ),
    )
