"""How fast curvature is measured: ``speed --curvature``.

The rules of the comparison, besides those of :mod:`speed`:

* Everyone gets the same network at the same trained weights and all 1078 training rows of
  digits, and is asked for the ten algebraically largest eigenvalues of the Hessian of the mean
  cross-entropy.
* In the clock: from bound weights and data to the eigenvalues, the first gradient among it.
  Out of it: imports, the network itself, a first run (which compiles ours), and the choice of
  the faster number of threads for PyTorch.
* How wrong each one is stands beside: its largest relative error against a reference in
  float64 that shares no code with any of them. A way that misses 1e-4 counts for no target.
"""
