"""Made-up measurements for the tests of what is written about them, in round numbers."""

from speed.measurement import Measurement


def measurement(name, *values, unit="s/trial", missing="", **facts) -> Measurement:
    return Measurement(name, f"title of {name}", list(values), unit, facts, missing)


def by_name(*measurements: Measurement) -> dict[str, Measurement]:
    return {m.name: m for m in measurements}


def training_run() -> dict[str, Measurement]:
    """All that a target of training looks at."""
    clocks = {"train": 0.02, "search": 0.01, "after the last trial": 0.01}
    work = {"training_flops": 6e8, "evaluation_flops": 7e8}
    seconds = {"compile": 14.0, "diagnose": 9.0}
    quickstart = {"clocks": seconds, "first_results": [9.0, 12.0], "first_result_seconds": 9.0}
    return by_name(
        measurement("matrix_product", 90.0, 100.0, 110.0, unit="GFLOP/s"),
        measurement("command/import", 7.0, unit="s"),
        measurement("command/quickstart/cold", 35.0, unit="s", ratios=[5.0], **quickstart),
        measurement("command/quickstart/warm", 17.5, unit="s", ratios=[2.4, 2.5], **quickstart),
        measurement("command/contours/warm", 14.0, unit="s", ratios=[2.0]),
        measurement("usual_way/digits_mlp", 4.0, 5.0, 6.0, trials=3),
        measurement("scikit_learn/digits_mlp/one", 0.2, trials=4),
        measurement("scikit_learn/digits_mlp/all", 0.1, trials=8),
        measurement("vectorized/digits_mlp/tensorflow", 0.04, 0.02, 0.03, trials=8, **work),
        measurement("vectorized/digits_mlp/tensorflow/ends_only", 0.02, trials=8, **work),
        measurement("vectorized/digits_mlp/tensorflow/workers_1", 0.03, trials=8),
        measurement("vectorized/digits_mlp/tensorflow/workers_2", 0.015, trials=8),
        measurement("vectorized/wide_mlp/tensorflow", 0.8, trials=4, training_flops=4e10),
        measurement("whole_study/digits_mlp/100", 0.05, trials=100, clocks=clocks),
        measurement("long_study/digits_mlp/1000", 0.04, trials=1000, not_training=0.02),
        measurement("growth/digits_mlp/2000", 0.1214, trials=2000, growth=[1.2]),
        measurement("pruning/digits_mlp/100", 0.05, trials=100, empty_percent=5.0, pruned=50),
    )


def curvature_run() -> dict[str, Measurement]:
    """All that a target of curvature looks at."""

    def timed(name, *values, unit="s", **facts):
        return measurement(f"curvature_{name}", *values, unit=unit, **facts)

    def memory(growth):
        return {"peak_gigabytes": 1 + growth, "peak_growth_gigabytes": growth}

    share = "% of training"
    return by_name(
        timed("pyhessian", 2.0, 3.0, relative_error=5e-5, threads=1),
        timed("curvlinops", 0.4, relative_error=1e-6, threads=2),
        timed("eigenvalues/jax/float32", 0.01, relative_error=1e-3, products=3),
        timed("eigenvalues/jax/float64", 0.1, 0.1, relative_error=1e-8, products=33),
        timed("product/jax/float64", 0.0015, unit="s/product", ratios=[1.5]),
        timed("product/tensorflow/float64", 0.003, unit="s/product", ratios=[3.0]),
        timed("exact/jax/float64", 5.0, products=5035, eigenvalue_seconds=7.0, **memory(1.5)),
        timed("exact/tensorflow/float64", 8.0, products=5035, **memory(1.5)),
        timed("large/jax/float32", 40.0, **memory(0.5)),
        timed("large/tensorflow/float32", 50.0, **memory(1.5)),
        timed("diagnosis/tensorflow", 4.0, diagnoses=48),
        timed("monitoring/quickstart/tensorflow", 9.0, unit=share, longer_percent=[4.0]),
        timed("monitoring/wide/tensorflow", 20.0, unit=share, longer_percent=[8.0]),
    )
