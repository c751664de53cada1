"""The error of a run that cannot start or go on, for a reason a user can mend."""


class RunError(ValueError):
    """The message says what was found, what was expected and how to mend it."""


class WorkerLostError(RunError):
    """Another worker of the training is gone; all must be started again."""

    # EX_TEMPFAIL of sysexits.h: what starts programs may try again.
    exit_status = 75


def message(error):
    """Returns what an error tells a user: that of a file without the number of its kind."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror + (f": {error.filename}" if error.filename else "")
    return str(error)
