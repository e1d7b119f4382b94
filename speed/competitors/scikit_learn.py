"""scikit-learn's ``MLPClassifier`` on all cores.

Same network, float32 rows, epochs, batch size and momentum SGD; ``tol=0`` without patience
keeps it from stopping early. It knows no clipping. Less work than ours: nothing is evaluated but
the validation part, once at the end.

Trials run side by side, one a core, by scikit-learn's own ``Parallel``, and for
comparison one after another in one process, whose BLAS has threads on all cores. In the clock
is that call with all its trials, out of it a first call that starts the processes.

Source: scikit-learn's user guide, "Neural network models (supervised)" and "Parallelism".
"""

import time
import warnings
from collections.abc import Mapping
from typing import Any

from speed.machine import cores
from speed.measurement import Measurement
from speed.proof import Done, check_work
from speed.workloads import EPOCHS, WORKLOADS, arrays, made_up_settings


def measure(
    *,
    workload: str,
    trials: int = 0,
    repetitions: int = 1,
    side_by_side_only: bool = False,
    batch_size: int = 32,
    epochs: int = EPOCHS,
) -> list[Measurement]:
    """Measure the seconds of each trial: in one process, and in as many as there are cores."""
    from sklearn.utils.parallel import Parallel, delayed

    chosen, data, trials = WORKLOADS[workload], arrays(), trials or cores()
    measurements = []
    ways = {} if side_by_side_only else {"one": (1, max(1, trials // cores()))}
    for way, (workers, count) in {**ways, "all": (cores(), trials)}.items():
        run = Parallel(n_jobs=workers)
        settings = made_up_settings(count, (batch_size,))
        run(delayed(fit)(data, chosen.hidden, setting, 1) for setting in settings[:workers])
        seconds: list[float] = []
        done: list[Done] = []
        for _ in range(repetitions):
            start = time.perf_counter()
            done = run(delayed(fit)(data, chosen.hidden, setting, epochs) for setting in settings)
            seconds.append((time.perf_counter() - start) / count)
        facts = {"trials": count, "workers": workers, **check_work(done, chosen, count, epochs)}
        where = "one process" if way == "one" else f"a process on each of {workers} cores"
        title = f"scikit-learn MLPClassifier alone, {chosen.title}, batch {batch_size}, {where}"
        name = f"scikit_learn/{workload}/{way}"
        measurements.append(Measurement(name, title, seconds, facts=facts))
    return measurements


def fit(data: Any, hidden: tuple[int, ...], settings: Mapping[str, Any], epochs: int) -> Done:
    """Train one classifier, and say how long and to which loss on the validation part."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import log_loss
    from sklearn.neural_network import MLPClassifier

    classifier = MLPClassifier(
        hidden_layer_sizes=hidden,
        solver="sgd",
        alpha=0.0,
        batch_size=settings["batch_size"],
        learning_rate_init=settings["learning_rate"],
        momentum=settings["momentum"],
        nesterovs_momentum=False,
        max_iter=epochs,
        tol=0.0,
        n_iter_no_change=epochs + 1,
        random_state=0,
    )
    with warnings.catch_warnings():
        # That max_iter was reached is what is wanted here.
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(data.train.x, data.train.y)
    loss = log_loss(data.validation.y, classifier.predict_proba(data.validation.x))
    used = {key: value for key, value in settings.items() if key != "global_clipnorm"}
    return Done(used, int(classifier.n_iter_), float(loss))
