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

from benchmark.backend.cache import cache_folder

DIGEST_BYTES = 32
PACKAGES = ("tensorflow", "keras", "numpy", "scipy")
"""Whose versions may change what is traced, or a constant in it."""


def outputs_of(f: Callable[..., Any], key: str, arguments: Any) -> Any:
    """Return what a function computes, by its kept graph; it is called while a function is traced.

    A graph that is not kept yet is traced, kept and then taken all the same: its functions have
    names of their own, by which the cache of XLA finds the program in every process.

    Args:
        f: a pure function of nests of tensors.
        key: what it computes, and all that shapes it beside its arguments.
        arguments: tensors of the function that is traced.

    Returns:
        Its outputs, or nothing where its graph cannot be kept.
    """
    file = _file(key, arguments)
    if file is None:
        return None
    outputs = _load(file, arguments)
    if outputs is not None:
        with contextlib.suppress(OSError):
            os.utime(file)  # the oldest are deleted where the folder grows too large
        return outputs
    shapes = tf.nest.map_structure(
        lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype), arguments
    )
    # Not in an init_scope, where no gradient is recorded.
    function = tf.function(f, jit_compile=True, autograph=False).get_concrete_function(*shapes)
    return _load(file, arguments) if _save(file, function) else None


def _file(key: str, arguments: Any) -> Path | None:
    """Where a graph is kept, or nothing without a cache folder."""
    folder = _folder()
    if folder is None:
        return None
    shapes = tf.nest.map_structure(lambda tensor: f"{tensor.dtype.name}{tensor.shape}", arguments)
    name = hashlib.sha256(f"{key}\n{shapes}\n{_surroundings()}".encode()).hexdigest()
    return folder / f"graph_{name[:32]}.pb"


def _load(file: Path, arguments: Any) -> Any:
    """The outputs that a kept graph computes from arguments, or nothing where it is damaged."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    digest, content = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        return None
    stored = tf.compat.v1.MetaGraphDef.FromString(content)
    functions = stored.graph_def.library.function
    known = context.context()  # there is no public name for what knows all functions
    for function in functions:
        if not known.has_function(function.signature.name):
            known.add_function_def(function)
    whole = functions[-1].signature
    outputs = tf.raw_ops.PartitionedCall(
        args=tf.nest.flatten(arguments), Tout=[o.type for o in whole.output_arg], f=whole.name
    )
    return _packed(json.loads(stored.meta_info_def.meta_graph_version), outputs)


def _save(file: Path, function: Any) -> bool:
    """Keep the graph of a ``ConcreteFunction``, where nothing but its arguments comes in."""
    structure = _structure(function.structured_outputs, iter(range(len(function.outputs))))
    if function.captured_inputs or structure is None:
        return False
    library = function.graph.as_graph_def().library
    del library.gradient[:]  # XLA needs no derivatives of what is derived already
    library.function.append(function.function_def)
    library.function[-1].attr.pop("_XlaMustCompile", None)  # it is part of what is compiled
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


@cache
def _folder() -> Path | None:
    return cache_folder("tensorflow", version("tensorflow"), os.environ.get("XLA_FLAGS", ""))


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
