import keras
import numpy as np
import pytest

from genkeras.training import loop


@pytest.mark.parametrize(("losses", "words"), [([0.25], "1 step,"), ([0.5, 0.25], "2 steps,")])
def test_pretraining_is_told_in_the_right_number(caplog, losses, words):
    class Model:
        pretraining_batch_size = 4
        value_range = (0.0, 1.0)
        steps_done = keras.Variable(0, dtype="int64", trainable=False)

        def pretrain(self, batches):
            return losses

    with caplog.at_level("INFO", logger="genkeras"):
        loop.pretrain(Model(), np.zeros((8, 4, 4, 1), np.uint8), seed=0)
    assert f"Pretrained for {words} to a loss of 0.2500" in caplog.text
