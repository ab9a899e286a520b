"""The one exception that ends a command with a sentence instead of a traceback."""


class OperationError(Exception):
    """Says in one sentence what is wrong and how to mend it."""

    def __init__(self, sentence: str, *, exit_code: int = 1) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code
