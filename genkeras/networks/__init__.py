"""Functions that return functional Keras models: generators, discriminators, encoders, decoders."""
