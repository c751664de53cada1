"""What a training computes on: with other versions, threads or devices its last bits may differ."""

import functools
import importlib.metadata
import logging
import os
import platform

import genkeras

_PACKAGES = ("tensorflow", "keras", "numpy")
# Of the instruction sets that TensorFlow's libraries choose from, the widest decides.
_INSTRUCTION_SETS = ("avx512f", "avx2", "avx", "asimd")
# TensorFlow does not tell the numbers of threads that it reads from them.
_VARIABLES = (
    "NVIDIA_TF32_OVERRIDE",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_XLA_FLAGS",
    "XLA_FLAGS",
)
_log = logging.getLogger("genkeras")


@functools.cache
def facts():
    """Returns what this process computes on, as a JSON-able dict of names to values."""
    import tensorflow as tf

    found = {"genkeras": genkeras.__version__}
    found |= {package: importlib.metadata.version(package) for package in _PACKAGES}
    threads = tf.config.threading.get_intra_op_parallelism_threads()  # 0: as many as there are.
    found["threads"] = threads or _usable_processors()
    found["processor"] = _processor()
    found["devices"] = [_device(device) for device in tf.config.list_logical_devices()]
    # Also those that are not set: of a state without the name it is not known.
    return found | {name: os.environ.get(name) for name in _VARIABLES}


def warn_of_differences(stored, replicas=1):
    """Warns in the log if a state was made on something else.

    Args:
        stored: Dict from `facts`, as it was when the state was stored; `replicas`, how many
            trained, may be in it. What an earlier version did not store is not compared.
        replicas: Integer. How many train now.
    """
    stored = {"replicas": 1} | stored
    here = facts() | {"replicas": replicas}
    differences = [
        f"{name} was {_text(value)} and is {_text(here.get(name))}"
        for name, value in stored.items()
        if value != here.get(name)
    ]
    if differences:
        _log.warning(
            "The run goes on exactly, but from here on the last bits of its numbers may differ "
            "from those of a run that was never stopped: %s.",
            "; ".join(differences),
        )


def _usable_processors():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _processor():
    name, words = platform.processor() or platform.machine(), set()
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                key, _, value = line.partition(":")
                if key.strip() == "model name":
                    name = value.strip()
                if key.strip().lower() in ("flags", "features"):
                    words = set(value.split())
    except OSError:  # Not Linux.
        pass
    widest = next((word for word in _INSTRUCTION_SETS if word in words), None)
    return f"{name} ({widest})" if widest else name


def _device(device):
    import tensorflow as tf

    if device.device_type == "CPU":
        return "CPU"
    physical = [
        each
        for each in tf.config.list_physical_devices(device.device_type)
        if each.name.rsplit(":", 1)[-1] == device.name.rsplit(":", 1)[-1]
    ]
    details = tf.config.experimental.get_device_details(physical[0]) if physical else {}
    return details.get("device_name", device.device_type)


def _text(value):
    return "not set" if value is None else value
