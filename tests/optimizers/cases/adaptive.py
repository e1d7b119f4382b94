"""The adaptive optimizers, each with its oracle in NumPy."""

from functools import partial

import numpy as np

from tests.optimizers.cases.case import Array, Case, Gradient


def adagrad_points(
    w: Array,
    gradient: Gradient,
    steps: int,
    *,
    learning_rate: float,
    initial_accumulator_value: float,
    epsilon: float,
) -> list[Array]:
    """Duchi et al. 2011, the diagonal version, with all gradients kept."""
    gradients: list[Array] = []
    points = []
    for t in range(steps):
        gradients.append(gradient(w, t))
        squares = initial_accumulator_value + sum(g * g for g in gradients)
        w = w - learning_rate * gradients[-1] / np.sqrt(squares + epsilon)
        points.append(w)
    return points


def adadelta_points(
    w: Array,
    gradient: Gradient,
    steps: int,
    *,
    learning_rate: float,
    rho: float,
    epsilon: float,
) -> list[Array]:
    """Zeiler 2012, algorithm 1, whose learning rate is 1."""
    of_gradients, of_updates, points = np.zeros_like(w), np.zeros_like(w), []
    for t in range(steps):
        g = gradient(w, t)
        of_gradients = rho * of_gradients + (1 - rho) * g * g
        update = -np.sqrt(of_updates + epsilon) / np.sqrt(of_gradients + epsilon) * g
        of_updates = rho * of_updates + (1 - rho) * update * update
        w = w + learning_rate * update
        points.append(w)
    return points


def rmsprop_points(
    w: Array,
    gradient: Gradient,
    steps: int,
    *,
    learning_rate: float,
    rho: float,
    momentum: float,
    epsilon: float,
    centered: bool = False,
) -> list[Array]:
    """Tieleman & Hinton 2012, with the mean and the momentum of Graves 2013, section 4.2."""
    n, m, delta, points = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w), []
    for t in range(steps):
        g = gradient(w, t)
        n = rho * n + (1 - rho) * g * g
        m = rho * m + (1 - rho) * g
        square = n - m * m if centered else n
        delta = momentum * delta - learning_rate * g / np.sqrt(square + epsilon)
        w = w + delta
        points.append(w)
    return points


def adam_points(
    w: Array,
    gradient: Gradient,
    steps: int,
    *,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    weight_decay: float = 0.0,
    amsgrad: bool = False,
) -> list[Array]:
    """Kingma & Ba 2015, algorithm 1, with the ε that Keras's second form amounts to there.

    The decay is that of Loshchilov & Hutter 2019, with λ = learning_rate · weight_decay.
    """
    m, v, largest, points = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w), []
    for t in range(1, steps + 1):
        g = gradient(w, t - 1)
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        largest = np.maximum(largest, v)
        unbiased_m = m / (1 - beta_1**t)
        unbiased_v = (largest if amsgrad else v) / (1 - beta_2**t)
        epsilon_t = epsilon / np.sqrt(1 - beta_2**t)
        step = learning_rate * unbiased_m / (np.sqrt(unbiased_v) + epsilon_t)
        w = w - step - learning_rate * weight_decay * w
        points.append(w)
    return points


def nadam_points(
    w: Array,
    gradient: Gradient,
    steps: int,
    *,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> list[Array]:
    """Dozat 2016, algorithm 2, with Keras's warm-up and its mean m of constant β₁."""
    mu = [beta_1 * (1 - 0.5 * 0.96**i) for i in range(1, steps + 2)]
    m, n, points = np.zeros_like(w), np.zeros_like(w), []
    for t in range(1, steps + 1):
        g = gradient(w, t - 1)
        m = beta_1 * m + (1 - beta_1) * g
        n = beta_2 * n + (1 - beta_2) * g * g
        unbiased_g = g / (1 - np.prod(mu[:t]))
        unbiased_m = m / (1 - np.prod(mu[: t + 1]))
        mean = (1 - mu[t - 1]) * unbiased_g + mu[t] * unbiased_m
        w = w - learning_rate * mean / (np.sqrt(n / (1 - beta_2**t)) + epsilon)
        points.append(w)
    return points


def adamax_points(
    w: Array,
    gradient: Gradient,
    steps: int,
    *,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> list[Array]:
    """Kingma & Ba 2015, algorithm 2, with Keras's ε; u as the definition it stands for."""
    m, gradients, points = np.zeros_like(w), [], []
    for t in range(1, steps + 1):
        gradients.append(gradient(w, t - 1))
        m = beta_1 * m + (1 - beta_1) * gradients[-1]
        faded = [beta_2 ** (t - 1 - i) * np.abs(g) for i, g in enumerate(gradients)]
        u = np.max(faded, axis=0)
        w = w - learning_rate / (1 - beta_1**t) * m / (u + epsilon)
        points.append(w)
    return points


def radam_points(
    w: Array,
    gradient: Gradient,
    steps: int,
    *,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> list[Array]:
    """Liu et al. 2020, algorithm 2, with the authors' ε."""
    longest = 2 / (1 - beta_2) - 1
    m, v, points = np.zeros_like(w), np.zeros_like(w), []
    for t in range(1, steps + 1):
        g = gradient(w, t - 1)
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        step = learning_rate * m / (1 - beta_1**t)
        length = longest - 2 * t * beta_2**t / (1 - beta_2**t)
        if length > 4:
            above = (length - 4) * (length - 2) * longest
            rectified = np.sqrt(above / ((longest - 4) * (longest - 2) * length))
            step = step * rectified * np.sqrt(1 - beta_2**t) / (np.sqrt(v) + epsilon)
        w = w - step
        points.append(w)
    return points


def adabelief_points(
    w: Array,
    gradient: Gradient,
    steps: int,
    *,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> list[Array]:
    """Zhuang et al. 2020, algorithm 2."""
    m, s, points = np.zeros_like(w), np.zeros_like(w), []
    for t in range(1, steps + 1):
        g = gradient(w, t - 1)
        m = beta_1 * m + (1 - beta_1) * g
        s = beta_2 * s + (1 - beta_2) * (g - m) ** 2 + epsilon
        unbiased_m, unbiased_s = m / (1 - beta_1**t), s / (1 - beta_2**t)
        w = w - learning_rate * unbiased_m / (np.sqrt(unbiased_s) + epsilon)
        points.append(w)
    return points


def yogi_points(
    w: Array,
    gradient: Gradient,
    steps: int,
    *,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    initial_accumulator_value: float,
) -> list[Array]:
    """Zaheer et al. 2018, algorithm 2, with Adam's bias correction and a v before the start."""
    m, v, points = np.zeros_like(w), np.full_like(w, initial_accumulator_value), []
    for t in range(1, steps + 1):
        g = gradient(w, t - 1)
        m = beta_1 * m + (1 - beta_1) * g
        v = v - (1 - beta_2) * np.sign(v - g * g) * g * g
        rate = learning_rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        w = w - rate * m / (np.sqrt(v) + epsilon)
        points.append(w)
    return points


# Numbers that float32 holds exactly, see `classical`.
ADAGRAD = {"learning_rate": 0.5, "initial_accumulator_value": 2.0**-4, "epsilon": 2.0**-13}
ADADELTA = {"learning_rate": 1.0, "rho": 0.75, "epsilon": 2.0**-7}
RMSPROP = {"learning_rate": 2.0**-6, "rho": 0.75, "momentum": 0.5, "epsilon": 2.0**-7}
ADAM = {"learning_rate": 2.0**-4, "beta_1": 0.75, "beta_2": 0.9375, "epsilon": 2.0**-13}
ADAMW = {**ADAM, "weight_decay": 2.0**-5}
YOGI = {**ADAM, "initial_accumulator_value": 2.0**-6}
CASES = [
    Case("adagrad", "adagrad", ADAGRAD, adagrad_points, ("Adagrad", ADAGRAD)),
    Case("adadelta", "adadelta", ADADELTA, adadelta_points, ("Adadelta", ADADELTA)),
    Case("rmsprop", "rmsprop", RMSPROP, rmsprop_points, ("RMSprop", RMSPROP)),
    Case(
        "rmsprop_centered",
        "rmsprop",
        RMSPROP,
        partial(rmsprop_points, centered=True),
        ("RMSprop", {**RMSPROP, "centered": True}),
        {"centered": True},
    ),
    Case("adam", "adam", ADAM, adam_points, ("Adam", ADAM)),
    Case(
        "amsgrad",
        "amsgrad",
        ADAM,
        partial(adam_points, amsgrad=True),
        ("Adam", {**ADAM, "amsgrad": True}),
    ),
    Case("adamw", "adamw", ADAMW, adam_points, ("AdamW", ADAMW)),
    Case(
        "nadam",
        "nadam",
        ADAM,
        nadam_points,
        ("Nadam", ADAM),
        twin_rtol=1e-6,  # Keras on TensorFlow rounds its constant 0.96 to float32
    ),
    Case("adamax", "adamax", ADAM, adamax_points, ("Adamax", ADAM)),
    Case("radam", "radam", ADAM, radam_points, None),
    Case("adabelief", "adabelief", ADAM, adabelief_points, None),
    Case("yogi", "yogi", YOGI, yogi_points, None),
]
