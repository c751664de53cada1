"""The error of features that cannot be had, for a reason a user can mend."""


class FeatureError(ValueError):
    """One line that says what was found, what was expected and how to mend it."""


def first_line(error):
    """What an exception of others says, as part of a sentence."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
