"""The warning of a score that was made from too few samples."""


class SmallSampleWarning(UserWarning):
    """A score can be given, but there are too few samples to rely on it.

    The text says what is wrong with the number and what to use instead.
    """
