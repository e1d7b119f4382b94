"""The graphs that TensorFlow traced, kept between processes.

Tracing a program in Python takes longer than loading what XLA compiled of it. So the graph is kept
beside it, in the same cache folder. A graph is taken only for the same key of the caller, the same
shapes, the same source of this package, and the same versions of all that traces.
"""

import contextlib
import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.eager import context

from benchmark.backend import keras_internals
from benchmark.backend.selection import tensorflow_cache

Function = Callable[..., Any]
DIGEST_BYTES = 32
PACKAGES = ("tensorflow", "keras", "numpy", "scipy")
"""Whose versions may change what is traced, or a constant in it."""


def shapes_of(arguments: Any) -> str:
    """Return the structure, shapes and types of a nest of tensors."""
    return str(
        tf.nest.map_structure(lambda tensor: f"{tensor.dtype.name}{tensor.shape}", arguments)
    )


def signature_of(arguments: Any) -> Any:
    """Return what :func:`shapes_of` does as a key of a dictionary, in a tenth of its time.

    A program of a small problem runs as long as its shapes take to be written out.
    """
    if isinstance(arguments, (list, tuple)):
        return (type(arguments).__name__, *map(signature_of, arguments))
    if isinstance(arguments, dict):
        return tuple((name, signature_of(arguments[name])) for name in sorted(arguments))
    return arguments.dtype, keras_internals.shape_of(arguments)


def program(f: Function, key: str, arguments: Any) -> Function | None:
    """Return a function as XLA compiles it, from its kept graph or traced and kept now.

    A traced graph is taken from its file too: there its functions have names of their own. Those
    that TensorFlow gives are numbered, and the cache of XLA finds a program by its name.

    Args:
        f: a pure function of nests of tensors.
        key: what it computes, and all that shapes it, also the shapes of its arguments.
        arguments: tensors that it will be called with.

    Returns:
        The compiled function, or nothing where its graph cannot be kept.
    """
    folder = tensorflow_cache()
    if folder is None:
        return None
    name = hashlib.sha256(f"{key}\n{_surroundings()}".encode()).hexdigest()
    file = folder / f"graph_{name[:32]}.pb"
    loaded = _load(file)
    if loaded is not None:
        with contextlib.suppress(OSError):
            os.utime(file)  # the oldest are deleted where the folder grows too large
        return loaded
    shapes = tf.nest.map_structure(
        lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype), arguments
    )
    traced = tf.function(f, jit_compile=True, autograph=False).get_concrete_function(*shapes)
    return _load(file) if _save(file, traced) else None


def _load(file: Path) -> Function | None:
    """The function of a kept graph, or nothing where there is none or it is damaged."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    digest, content = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        return None
    stored = tf.compat.v1.MetaGraphDef.FromString(content)
    structure = json.loads(stored.meta_info_def.meta_graph_version)
    functions = stored.graph_def.library.function
    known = context.context()  # there is no public name for what knows all functions
    for function in functions:
        if not known.has_function(function.signature.name):
            known.add_function_def(function)
    whole = functions[-1].signature
    name, count = whole.name.encode(), len(whole.output_arg)

    def call(*arguments: Any) -> Any:
        return _packed(structure, known.call_function(name, tf.nest.flatten(arguments), count))

    return call


def _save(file: Path, function: Any) -> bool:
    """Keep the graph of a ``ConcreteFunction``, where nothing but its arguments comes in."""
    structure = _structure(function.structured_outputs, iter(range(len(function.outputs))))
    if function.captured_inputs or structure is None:
        return False
    library = function.graph.as_graph_def().library
    del library.gradient[:]  # XLA needs no derivatives of what is derived already
    library.function.append(function.function_def)
    _rename(library, file.stem)
    stored = tf.compat.v1.MetaGraphDef(graph_def=tf.compat.v1.GraphDef(library=library))
    stored.meta_info_def.meta_graph_version = json.dumps(structure)
    content = stored.SerializeToString(deterministic=True)
    try:
        _write(file, hashlib.sha256(content).digest() + content)
    except OSError:
        return False
    return True


def _rename(library: Any, suffix: str) -> None:
    """Name functions after their file: a process may load several files."""
    functions = library.function
    names = {f.signature.name: f"part_{i}_{suffix}" for i, f in enumerate(functions)}
    for function in functions:
        function.signature.name = names[function.signature.name]
    for node in (node for function in functions for node in function.node_def):
        node.op = names.get(node.op, node.op)
        for value in node.attr.values():
            for called in (value.func, *value.list.func):
                if called.name in names:
                    called.name = names[called.name]


def _structure(outputs: Any, indices: Any) -> Any:
    """The nest of outputs as JSON holds it, or nothing where it holds more than tensors."""
    if tf.is_tensor(outputs):
        return next(indices)
    if type(outputs) not in (list, tuple):
        return None
    members = [_structure(member, indices) for member in outputs]
    return None if None in members else {type(outputs).__name__: members}


def _packed(structure: Any, outputs: Sequence[Any]) -> Any:
    if isinstance(structure, int):
        return outputs[structure]
    ((kind, members),) = structure.items()
    return {"list": list, "tuple": tuple}[kind](_packed(member, outputs) for member in members)


def _write(file: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=file.parent)
    staged = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        staged.replace(file)
    finally:
        staged.unlink(missing_ok=True)


def _surroundings() -> str:
    """What a trace depends on beside the function and its arguments."""
    backend = keras.config
    settings = (backend.floatx(), backend.epsilon(), backend.image_data_format())
    devices = [device.device_type for device in tf.config.list_logical_devices()]
    return f"{settings} {keras.config.dtype_policy().name} {devices} {_source()}"


@cache
def _source() -> str:
    """The source of this package, and the versions of the others, as one digest."""
    digest = hashlib.sha256(platform.python_version().encode())
    for name in PACKAGES:
        digest.update(f"{name} {version(name)}\n".encode())
    package = Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package)}\n".encode() + path.read_bytes())
    return digest.hexdigest()
