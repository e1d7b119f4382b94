"""Predictions for new rows by the best models of a run, in the words of the dataset."""
