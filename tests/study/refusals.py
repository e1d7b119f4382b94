"""Mistakes in a study file: what is replaced in a good one, and what the message must say.

They are the cases in which a file was once taken for good, or refused in other words than a
rule, a value, a place and a remedy.
"""

MORE_REFUSALS: dict[str, tuple[tuple[str, str], list[str]]] = {
    "error of a classification": (
        ('"digits"', '"digits"\nmetric = "mean_absolute_error"'),
        ["the metric of a classification must be accuracy", "Received 'mean_absolute_error' at"],
    ),
    "pruner that is no text": (
        ("[training]", "[budget]\npruner = 3\n[training]"),
        ["pruner must be one of none, median, ", "Received 3 at budget.pruner in"],
    ),
    "options beside a dataset": (
        ('"digits"', '"digits"\noptions = { dimension = 2 }'),
        ["options needs a function", "at problem.options in", "Move or remove them."],
    ),
    **{
        f"{key} beside a function": (
            ('dataset = "digits"', f'function = "quadratic"\n{key} = {value}'),
            [
                f"{key} needs a dataset",
                f"Received '{key}' at problem.{key} in",
                "Remove it.",
            ],
        )
        for key, value in {
            "split": "{ train = 0.6 }",
            "preprocessing": '{ scaling = "none" }',
            "model": '{ name = "linear" }',
            "loss": '"huber"',
            "metric": '"accuracy"',
        }.items()
    },
    "objective that a function has not": (
        ('dataset = "digits"', 'function = "quadratic"\nobjective = "validation_loss"'),
        ["objective must be one of train_loss", "'validation_loss' at problem.objective in"],
    ),
    "option of a function out of range": (
        ('dataset = "digits"', 'function = "quadratic"\noptions = { condition_number = 0.5 }'),
        ["condition_number must be >= 1", "It stands at problem.options in"],
    ),
    "batch above the examples of a function": (
        ('dataset = "digits"', 'function = "quadratic"'),
        ["batch_size must be <= 1, ", "Received 32 at search.common.batch_size in"],
    ),
    "penalty on a function": (
        ('dataset = "digits"', 'function = "quadratic"\n[search.fast]\nl2 = 0.1'),
        ["l2 needs a model", "Received 'l2' at search.fast.l2 in", "Remove it."],
    ),
    "percentile beyond the hundredth": (
        ("[search.sgd]", "[search.sgd]\npercentile_clipnorm = 101"),
        ["percentile_clipnorm must be <= 100", "Received 101 at search.sgd.percentile_clipnorm"],
    ),
    "negative penalty": (
        ("[search.sgd]", "[search.sgd]\nl1 = -1"),
        ["l1 must be >= 0", "Received -1 at search.sgd.l1 in", "Raise it."],
    ),
    "decay of an optimizer whose rule has none": (
        (
            'compare = ["sgd"',
            'search.gradient_descent.weight_decay = 0.1\ncompare = ["gradient_descent", "sgd"',
        ),
        [
            "gradient_descent takes no weight_decay",
            "at search.gradient_descent.weight_decay in",
        ],
    ),
    "step too fine": (
        ("low = 0.001, high = 1.0, log = true", "low = 0.001, high = 1.0, step = 1e-9"),
        [
            "a step must make at most 100000 points",
            "low = 0.001, high = 1.0, step = 1e-09 at search.sgd.learning_rate in",
            "Take a longer step",
        ],
    ),
    "step beyond decimals": (
        ("low = 0.001, high = 1.0, log = true", "low = 0, high = 1, step = 1e-300"),
        ["a step must make at most 100000 points", "step = 1e-300 at"],
    ),
    "grid too large": (
        (
            "[search.sgd]\nlearning_rate = { low = 0.001, high = 1.0, log = true }",
            "[search.fast]\nlearning_rate = { low = 1, high = 900, step = 1 }\n"
            "beta_1 = { low = 0.0, high = 0.9, step = 0.001 }\n[search.sgd]\nlearning_rate = 1\n"
            '[budget]\nsampler = "grid"',
        ),
        ["a grid must have at most 100000 settings. Received 1621800 at search.fast in"],
    ),
    "grid over a default space": (
        (
            "learning_rate = { low = 0.001, high = 1.0, log = true }",
            'learning_rate = 1\n[budget]\nsampler = "grid"',
        ),
        ["and the default space is a range", "Received nothing at search.fast.learning_rate in"],
    ),
    "number beyond floating point": (
        ("high = 1.0", f"high = 1{'0' * 400}"),
        ["a number must be within ±1.8e308", "at search.sgd.learning_rate.high in", "smaller"],
    ),
    "number of too many digits": (("seed = 1", f"seed = {'1' * 5000}"), ["must be valid TOML"]),
    "hexadecimal of too many digits": (
        ("seed = 1", f"seed = 0x{'f' * 5000}"),
        ["seed must be < 9223372036854775808. Received a number of more than 4300 digits at seed"],
    ),
    "lists without end": (
        ("seed = 1", f"seed = {'[' * 5000}"),
        ["a study must have few lists within lists"],
    ),
    "infinity": (
        ("learning_rate = { low = 0.001, high = 1.0, log = true }", "learning_rate = 1e400"),
        ["learning_rate must be a finite number. Received inf at search.sgd.learning_rate in"],
    ),
    "seed beyond 64 bits": (
        ("seed = 1", "seed = 18446744073709551616"),
        ["seed must be < 9223372036854775808. Received 18446744073709551616 at seed", "Lower it."],
    ),
    "epochs without end": (
        ("epochs = 3", "epochs = 10000000000"),
        ["epochs must be <= 1000000000. Received 10000000000 at training.epochs in"],
    ),
    "curvature after the end": (
        ("[training]", "[curvature]\nepochs = [5, 7]\n[training]"),
        ["one of epochs must be <= 3", "Received [5, 7] at curvature.epochs in", "epochs = [0]"],
    ),
    "monitoring after the end": (
        ("[training]", "[curvature]\ntracking_epochs = [5]\n[training]"),
        [
            "one of monitor_epochs must be <= 3",
            "Received [5] at curvature.monitor_epochs in",
            "monitor_epochs = [0], or monitor = false",
        ],
    ),
    "a pruner that would not see every epoch": (
        ("epochs = 3", 'epochs = 3\nevaluation_epochs = [1]\n[budget]\npruner = "median"'),
        [
            "evaluation_epochs must be left out with a pruner",
            "Received [1] at training.evaluation_epochs in",
            'pruner = "none"',
        ],
    ),
    "patience that would not see every epoch": (
        ("epochs = 3", "epochs = 3\nevaluation_epochs = [1]\npatience = 2"),
        [
            "evaluation_epochs must be left out with patience",
            "Received [1] at training.evaluation_epochs in",
        ],
    ),
    "an improvement without patience": (
        ("epochs = 3", "epochs = 3\nmin_delta = 0.1"),
        ["min_delta needs patience", "Received 0.1 at training.min_delta in", "patience = 5"],
    ),
    "no patience at all": (
        ("epochs = 3", "epochs = 3\npatience = 0"),
        ["patience must be >= 1. Received 0 at training.patience in"],
    ),
    "a probe of nothing": (
        ("[training]", "[curvature]\nprobe = 0\n[training]"),
        ["probe must be >= 1. Received 0 at curvature.probe in"],
    ),
    "curvature never": (
        ("[training]", "[curvature]\nepochs = []\n[training]"),
        ["or nothing is measured. Received [] at curvature.epochs in"],
    ),
    "nothing compared": (
        ('compare = ["sgd", { label = "fast", optimizer = "adam" }]', "compare = []"),
        ["compare must be a list of one or more entries. Received [] at compare in"],
    ),
    "label with a blank": (
        ('label = "fast"', 'label = "so fast"'),
        ["label must be a name of letters, digits", "Received 'so fast' at compare[1].label in"],
    ),
    "label that stands for a run": (
        ('label = "fast"', 'label = "latest"'),
        ["a name must differ from 'latest'", "at compare[1].label in", "Take another name."],
    ),
    "name that stands for a run": (
        ("seed = 1", 'name = "latest"'),
        ["a name must differ from 'latest'", "Received 'latest' at name in"],
    ),
    "blank question": (
        ('"Which?"', '"   "'),
        ["question must be a text that is not blank. Received '   ' at question in"],
    ),
    "empty question": (('"Which?"', '""'), ["question must be a text that is not blank"]),
    "accuracy above one": (
        ("[training]", '[target]\nmetric = "validation_accuracy"\nvalue = 2.0\n[training]'),
        ["must be > 0 and <= 1 for validation_accuracy", "Received 2.0 at target.value in", "0.95"],
    ),
    "loss below zero": (
        ("[training]", '[target]\nmetric = "validation_loss"\nvalue = -2.0\n[training]'),
        ["value must be >= 0 for validation_loss", "Received -2.0 at target.value in"],
    ),
    "key of two lines": (("seed = 1", '"a\\nb" = 1'), ["at a\\nb in"]),
    "low above high": (
        ("low = 0.001, high = 1.0", "low = 2.0, high = 1.0"),
        [
            "low must be < high. Received low = 2.0, high = 1.0 at search.sgd.learning_rate in",
            "Swap them.",
        ],
    ),
    "low equal to high": (
        ("low = 0.001, high = 1.0", "low = 1, high = 1"),
        ["low must be < high. Received low = 1, high = 1 at", "Write the number alone"],
    ),
    "log from zero": (
        ("low = 0.001, high", "low = 0.0, high"),
        [
            "low must be > 0 where log = true. Received low = 0.0 at search.sgd.learning_rate in",
            "Raise low, or remove log.",
        ],
    ),
    "log from below zero": (
        ("low = 0.001, high", "low = -0.1, high"),
        ["low must be > 0 where log = true"],
    ),
    "half a range": (
        ("low = 0.001, high = 1.0, log = true", "low = 0.001"),
        ["a range must have both low and high"],
    ),
    "misspelt schedule": (
        ("epochs = 3", 'epochs = 3\nschedule = "cosin"'),
        [
            "schedule must be one of constant, cosine,",
            "'cosin' at training.schedule in",
            "`cosine`",
        ],
    ),
    "misspelt schedule of one": (
        ('"sgd", {', '"sgd", { schedule = "stepp", '),
        ["schedule must be one of", "'stepp' at compare[1].schedule in", "Did you mean `step`?"],
    ),
    "parameter of a schedule beside a constant rate": (
        ("[search.sgd]", "[search.sgd]\nschedule_alpha = 0.1"),
        [
            "a parameter of the schedule constant must be one of schedule_warmup",
            "Received 'schedule_alpha' at search.sgd.schedule_alpha in",
            'take the schedule that has it: schedule = "cosine" or "cosine_restarts"',
        ],
    ),
    "misspelt parameter of a schedule": (
        (
            "epochs = 3\n\n[search.common]",
            'epochs = 3\nschedule = "step"\n\n[search.common]\nschedule_decay_rat = 0.1',
        ),
        ["Received 'schedule_decay_rat' at", "Did you mean `schedule_decay_rate`?"],
    ),
    "parameter of a schedule out of range": (
        (
            "epochs = 3\n\n[search.common]",
            'epochs = 3\nschedule = "step"\n\n[search.common]\nschedule_decay_steps = 1.5',
        ),
        ["schedule_decay_steps must be <= 1. Received 1.5 at search.common.schedule_decay_steps"],
    ),
    "half an epoch of patience": (
        (
            "epochs = 3\n\n[search.common]",
            'epochs = 3\nschedule = "reduce_on_plateau"\n\n[search.common]\n'
            "schedule_patience = { choices = [1, 2.5] }",
        ),
        ["schedule_patience must be a whole number. Received 2.5 at"],
    ),
}
