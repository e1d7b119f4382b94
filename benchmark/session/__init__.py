"""One run of a study, from its text to its report, its models and MLflow."""
