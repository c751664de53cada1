"""The mathematics: one paper per file, each a `keras.Model` with its own `train_step`."""
