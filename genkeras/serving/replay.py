"""Answers the warm-up requests of a sampler, in a process without Keras and genkeras.

python -P replay.py SAMPLER RESULTS.npz

Run by its path, so that nothing of genkeras is imported. RESULTS.npz gets every output under
"<request>/<output>", and the rows of one that holds bytes under "<request>/<output>/<row>".
"""

import importlib.util
import pathlib
import sys

HIDDEN = ("genkeras", "keras", "tf_keras")


class _Hiding:
    """A finder of modules that does not find the hidden ones."""

    def __init__(self, finder):
        self._finder = finder

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            return None
        return self._finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self._finder, name)


def hide():
    """Makes the hidden modules impossible to import."""
    sys.meta_path[:] = map(_Hiding, sys.meta_path)


def replay(sampler, results):
    """Writes the answers of the SavedModel in the folder `sampler` to the file `results`."""
    import numpy as np
    import tensorflow as tf

    path = pathlib.Path(__file__).with_name("prediction_log.py")
    spec = importlib.util.spec_from_file_location("prediction_log", path)
    prediction_log = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(prediction_log)

    loaded = tf.saved_model.load(str(sampler))
    requests = pathlib.Path(sampler, "assets.extra", "tf_serving_warmup_requests")
    arrays = {}
    for index, (signature, inputs) in enumerate(prediction_log.read(requests)):
        for name, output in loaded.signatures[signature](**inputs).items():
            if output.dtype == tf.string:
                for row, content in enumerate(output.numpy()):
                    arrays[f"{index}/{name}/{row}"] = np.frombuffer(content, np.uint8)
            else:
                arrays[f"{index}/{name}"] = output.numpy()
    np.savez(results, **arrays)


def main(sampler, results):
    hide()
    replay(sampler, results)
    found = sorted({name.partition(".")[0] for name in sys.modules} & set(HIDDEN))
    if found:
        sys.exit(f"{', '.join(found)} was imported: the sampler does not stand alone")


if __name__ == "__main__":
    main(*sys.argv[1:])
