"""The curvature at one point: of a recorded trial, or of any saved Keras model.

    subject = trial_subject(path, result, …)           or model_subject(file, dataset, …)
    curvature_report = examine(subject, settings, …)   plain values, for the page and the terminal

Importing this package imports no framework; its modules do.
"""

from benchmark.inspection.settings import InspectionError, Settings

__all__ = ["InspectionError", "Settings"]
