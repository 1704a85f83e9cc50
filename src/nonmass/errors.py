"""The one exception that a user is meant to read."""


class InputError(Exception):
    """Something outside the code is wrong: a file, a parameter, an installation.

    The message is a single line that says what is wrong, where, and what to do about it. Entry
    points print it and leave with exit code 1; any other exception is a defect of the software
    and keeps its traceback.
    """
