"""Options of the problem in a search space, and numbers that theory gives."""

import pytest

from benchmark.problems.theory import theory_settings
from benchmark.search import build_trial, settings_of
from benchmark.session.resolution import search_settings
from benchmark.study.catalogue import catalogue
from benchmark.study.loading import StudyError, load_study
from benchmark.trial import ClosedFormProblem, DatasetProblem

GOOD = """\
question = "What does the condition number cost?"
compare = ["gradient_descent", "momentum"]

[problem]
function = "quadratic"
options = { dimension = 3, largest_eigenvalue = 2.0 }

[search.common]
condition_number = { choices = [1.0, 10.0] }
learning_rate = "optimal"

[search.momentum]
momentum = "optimal"

[budget]
trials = 2
sampler = "grid"
"""


def load(tmp_path, text):
    path = tmp_path / "x.toml"
    path.write_text(text, encoding="utf-8")
    return load_study(path, catalogue())


def test_each_trial_has_its_problem_and_the_numbers_of_theory(tmp_path):
    study = load(tmp_path, GOOD)
    settings = search_settings(study)
    assert settings == settings_of(
        study, integers=settings.integers, problem_options=settings.problem_options
    )
    for kappa in (1.0, 10.0):
        trial = build_trial(study, settings, "momentum", 0, {"condition_number": kappa})
        assert isinstance(trial.problem, ClosedFormProblem)
        assert trial.problem.options["condition_number"] == kappa
        assert trial.problem.options["dimension"] == 3
        best = theory_settings("momentum", 2.0 / kappa, 2.0)
        assert dict(trial.hyperparameters) == {"condition_number": kappa, **best}
        # A replicate begins from the hyperparameters of a trial.
        again = build_trial(study, settings, "momentum", 1, trial.hyperparameters)
        assert (again.hyperparameters, again.problem) == (trial.hyperparameters, trial.problem)
    assert "learning_rate" not in trial.options


def test_nesterov_is_offered_with_both_settings(tmp_path):
    labels = '["nesterov", { label = "usual", optimizer = "nesterov" }]'
    text = GOOD.replace('["gradient_descent", "momentum"]', labels)
    text = text.replace("[search.momentum]", "[search.nesterov]")
    usual = '[search.usual]\nlearning_rate = "standard"\nmomentum = "standard"\n'
    study = load(tmp_path, text.replace("[budget]", f"{usual}\n[budget]"))
    for label, tuning in (("nesterov", "optimal"), ("usual", "standard")):
        settings = search_settings(study)
        trial = build_trial(study, settings, label, 0, {"condition_number": 10.0})
        given = theory_settings("nesterov", 0.2, 2.0, tuning)
        assert dict(trial.hyperparameters) == {"condition_number": 10.0, **given}


def test_whole_options_of_a_problem_stay_whole(tmp_path):
    text = GOOD.replace("{ choices = [1.0, 10.0] }", "4.0").replace("dimension = 3, ", "")
    study = load(tmp_path, text.replace("learning_rate =", "dimension = 3\nlearning_rate ="))
    assert "dimension" in search_settings(study).integers


REFUSALS = [
    (
        ("condition_number = {", "[search.momentum]\ncondition_number = {"),
        ["must be in [search.common], which all share", "search.momentum.condition_number"],
    ),
    (('sampler = "grid"', 'sampler = "random"'), ["by the grid sampler", 'Write sampler = "grid"']),
    (("[1.0, 10.0]", "[0.5, 10.0]"), ["condition_number must be finite and ≥ 1"]),
    (
        ("{ choices = [1.0, 10.0] }", "{ low = 1.0, high = 10.0 }"),
        ["must be a number or {choices}", "at search.common.condition_number"],
    ),
    (
        ("dimension = 3,", "dimension = 3, condition_number = 2.0,"),
        ["condition_number must be given once", "Remove problem.options.condition_number"],
    ),
    (
        ('compare = ["gradient_descent", "momentum"]', 'compare = ["adam", "momentum"]'),
        ["'optimal' must be written for a number of gradient_descent", "Received 'adam' at"],
    ),
    (
        ('momentum = "optimal"', "momentum = 0.9"),
        ["learning_rate and momentum of momentum must be 'optimal' together"],
    ),
    (
        ('momentum = "optimal"', 'momentum = "standard"'),
        ["learning_rate and momentum of momentum must be 'optimal' together"],
    ),
    (
        (
            '[search.momentum]\nmomentum = "optimal"',
            '[search.momentum]\nlearning_rate = "standard"',
        ),
        ["'standard' must be written for a number of nesterov", "'momentum' at"],
    ),
    (
        (
            "[search.momentum]",
            '[search.gradient_descent]\ntolerance = "optimal"\n[search.momentum]',
        ),
        ["'optimal' must be written for learning_rate of gradient_descent", "tolerance"],
    ),
    (
        (
            'function = "quadratic"\noptions = { dimension = 3, largest_eigenvalue = 2.0 }',
            'function = "rosenbrock"',
        ),
        ["needs a function with a condition_number", "Received 'rosenbrock'"],
    ),
]


@pytest.mark.parametrize(("change", "words"), REFUSALS)
def test_a_wrong_sweep_is_refused_in_a_sentence(tmp_path, change, words):
    before, after = change
    text = GOOD.replace(before, after, 1)
    if after.startswith("[search.momentum]\ncondition"):
        text = text.replace('[search.momentum]\nmomentum = "optimal"', 'momentum = "optimal"')
    assert text != GOOD
    with pytest.raises(StudyError) as caught:
        load(tmp_path, text)
    message = "\n".join(caught.value.lines)
    for word in words:
        assert word in message, message


SCALED = """\
question = "What is scaling worth?"
compare = ["sgd", { label = "raw", optimizer = "sgd", scaling = "none" }]

[problem]
dataset = "wine"
"""


def test_a_label_may_have_inputs_of_its_own_scaling(tmp_path):
    study = load(tmp_path, SCALED)
    settings = search_settings(study)
    for label, scaling in (("sgd", "standard"), ("raw", "none")):
        trial = build_trial(study, settings, label, 0, {"learning_rate": 0.1})
        assert isinstance(trial.problem, DatasetProblem)
        assert trial.problem.scaling == scaling


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('"none"', '"sturdy"'), ["scaling must be", "'sturdy'"]),
        (('dataset = "wine"', 'function = "beale"'), ["scaling needs a dataset"]),
    ],
)
def test_a_scaling_that_there_is_none_of_is_refused(tmp_path, change, words):
    with pytest.raises(StudyError) as caught:
        load(tmp_path, SCALED.replace(*change))
    for word in words:
        assert word in "\n".join(caught.value.lines)
