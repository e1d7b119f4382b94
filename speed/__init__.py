"""How fast this project is, beside what people use instead: ``python -m speed``, from a checkout.

``rows.toml`` lists what is measured, :mod:`~speed.children` measures each row in a process of
its own, and :mod:`~speed.page` writes what was measured. The rules of the comparison:

* Everyone trains the same network in float32 on the same rows, as many epochs, with batches of the
  same sizes; what is compared is the cost of a trial, not what it reaches.
* Each competitor is written as its own documentation shows it. Where it does less work than ours
  (no clipping, no evaluation after each epoch) it keeps that advantage, and it proves its work.
* Imports and a first, unmeasured piece of work are left out of every clock but that of whole
  commands. Our compiling is left out and shown beside it; who compiles in each trial clocks it.
"""
