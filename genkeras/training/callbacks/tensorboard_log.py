"""Losses and scores for TensorBoard."""

import keras
import tensorflow as tf

from genkeras.training.file_errors import told_as_python_does


class TensorBoardLog(keras.callbacks.Callback):
    """Writes the history's row of every epoch to `<run_dir>/tensorboard`.

    It stands behind `ScoreRecord`. An epoch that is trained again after an interruption is
    there twice, with the same values. Only looking at the files needs the package
    `tensorboard`.

    Args:
        run_dir: Path of the run directory.
        history: `History`.
    """

    def __init__(self, run_dir, history):
        super().__init__()
        self._folder = str(run_dir / "tensorboard")
        self._history = history
        self._writer = None

    def on_train_begin(self, logs=None):
        with told_as_python_does(self._folder):
            self._writer = tf.summary.create_file_writer(self._folder)

    def on_epoch_end(self, epoch, logs=None):
        # `tf.summary.scalar` wants the package only to say this.
        metadata = tf.compat.v1.SummaryMetadata(
            plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"),
        )
        metadata.data_class = 1  # DATA_CLASS_SCALAR
        groups = {"loss": self._history.last_losses(), "score": self._history.last_scores()}
        with told_as_python_does(self._folder), self._writer.as_default(epoch + 1):
            for group, values in groups.items():
                for name, value in values.items():
                    tf.summary.write(
                        f"{group}/{name}", tf.constant(value, tf.float32), metadata=metadata
                    )
            self._writer.flush()

    def on_train_end(self, logs=None):
        with told_as_python_does(self._folder):
            self._writer.close()
