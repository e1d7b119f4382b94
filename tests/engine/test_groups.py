"""Groups of trials come and go with their programs."""

import gc
import weakref

import numpy as np

from benchmark.engine import VectorizedEngine
from benchmark.engine.programs import PROGRAMS, Programs
from benchmark.engine.tiles import Shape
from tests.engine.trials import make_trial, run


def test_programs_of_idle_groups_are_dropped_and_their_trials_end_alike(monkeypatch):
    monkeypatch.setattr("benchmark.engine.programs.MOST_PROGRAMS", 1)
    monkeypatch.setattr("benchmark.engine.groups.MOST_PROGRAMS", 1)
    programs = Programs()
    for place in ("groups", "programs"):
        monkeypatch.setattr(f"benchmark.engine.{place}.PROGRAMS", programs)
    engine = VectorizedEngine(capacity=2, shape=Shape(1, 2))
    first, other = make_trial(0, "sgd"), make_trial(1, "momentum")
    ends = [run(engine, first)[0]]
    (group,) = engine._groups._groups.values()
    dropped = weakref.ref(group.program)
    before = engine.compilations
    del group
    ends.append(run(engine, other)[0])
    gc.collect()
    assert dropped() is None
    assert len(engine._groups._groups) == 1
    # What was compiled is counted, although it is gone; and compiled anew where it is needed.
    assert engine.compilations > before > 0
    between = engine.compilations
    ends.append(run(engine, first)[0])
    assert engine.compilations > between
    for value, again in zip(ends[0].weights, ends[2].weights, strict=True):
        np.testing.assert_array_equal(value, again)
    engine.close()
    assert PROGRAMS is not programs
