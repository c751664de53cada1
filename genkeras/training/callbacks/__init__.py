"""Keras callbacks, one per file."""

import importlib

# What a model may name in its `required_callbacks`: name -> "module:class".
CALLBACKS = {
    "learning_rate_schedule": (
        "genkeras.training.callbacks.learning_rate_schedule:LearningRateSchedule"
    ),
    "weight_clipping": "genkeras.training.callbacks.weight_clipping:WeightClipping",
}


def create(name, **arguments):
    """Returns the callback that a model names in its `required_callbacks`."""
    module, attribute = CALLBACKS[name].split(":")
    return getattr(importlib.import_module(module), attribute)(**arguments)
