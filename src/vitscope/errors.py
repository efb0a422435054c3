"""Every error a user can meet: what was being done, what was expected, what was got, and what to do next.

Knows nothing about: anything else of vitscope. The command line maps `exit_code`, the server maps `status`.
"""


class VitscopeError(Exception):
    """Base of all errors that are somebody's to mend: one sentence, and a hint that says what to do next."""

    code = "error"
    status = 400
    exit_code = 2

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class InvalidArgument(VitscopeError, ValueError):
    """An argument is outside what the model or the measure allows (a head that does not exist, an unknown mode)."""

    code = "invalid_argument"


class NotFinite(InvalidArgument):
    """An image whose activations in the intact model are not finite numbers: nothing can be measured of it."""

    code = "not_finite"
    status = 422


class NotAttention(VitscopeError, ValueError):
    """A matrix given as attention is not one: rows do not sum to 1, or shapes do not fit the token layout."""

    code = "not_attention"


class UnsupportedModel(VitscopeError, TypeError):
    """No adapter fits the module, or a part of it is of a kind that is refused by name."""

    code = "unsupported_model"


class NoAdapter(UnsupportedModel):
    """No adapter takes the module apart; it may still run whole (the second engine)."""


class ModelLoadError(VitscopeError):
    """A model cannot be loaded: unknown name, missing or unsafe weights, weights that do not fit."""

    code = "model_load"


class ParityError(VitscopeError):
    """Our path through the model does not give the model's own output: its numbers would be wrong."""

    code = "parity"
    exit_code = 1
    status = 500


class ImageUnreadable(VitscopeError):
    """One image cannot be read; the run continues and its row says why."""

    code = "image_unreadable"
    status = 422


class BadInput(VitscopeError):
    """Images, labels or paths given to an analysis do not fit together."""

    code = "bad_input"


class RunError(VitscopeError):
    """A run folder is missing, damaged, newer than this version, or belongs to other options."""

    code = "run"
    status = 409


class StorageError(VitscopeError):
    """The disk is full or a folder cannot be written; what was committed stays."""

    code = "storage"
    status = 507


class NotAvailable(VitscopeError):
    """What is asked for comes with a later version, or needs the live model; the hint says how to get it."""

    code = "not_available"
    status = 404
