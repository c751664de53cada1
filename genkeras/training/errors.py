"""The error of a run that cannot start or go on, for a reason a user can mend."""


class RunError(ValueError):
    """The message says what was found, what was expected and how to mend it."""


class WorkerLostError(RunError):
    """Another worker of the training is gone; all must be started again."""

    # EX_TEMPFAIL of sysexits.h: what starts programs may try again.
    exit_status = 75
