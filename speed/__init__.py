"""How fast this project is, beside what people use instead: ``python -m speed``, from a checkout.

:mod:`~speed.rows` lists what is measured, :mod:`~speed.children` measures each row in a process of
its own, and :mod:`~speed.page` writes what was measured. Importing this package imports no
framework.

The rules of the comparison:

* Everyone trains the same network in float32 on the same rows, as many epochs, with batches
  of the same sizes; what is compared is the cost of a trial, not what it reaches.
* Each competitor is written as its own documentation shows it. Where it does less work than
  ours (no clipping, no evaluation after each epoch) it keeps that advantage.
* Our compiling is left out of the clock and shown beside it, since a structure is compiled once
  for any number of trials. It stays in the clock of a program that compiles anew in each
  trial. Imports and a first, unmeasured piece of work are left out of every clock.
* Every figure is a ratio to a partner of the same run on the same machine, with its spread.
* A competitor proves its work, or its row says that it failed.
"""
