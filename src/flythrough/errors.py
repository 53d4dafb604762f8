"""The few errors a user can meet."""


class InputError(ValueError):
    """The input is wrong, not the program: one line and exit code 2 in the CLI, a 422 in the server."""


class WeightsError(InputError):
    """A weights file is truncated, foreign or of another shape."""
