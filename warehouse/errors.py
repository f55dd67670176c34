"""The error tree of the project. Every error says what was found, where, and what to do next.

KwxError                     exit 1   the base: a message and a hint
├── Usage                    exit 2   the request itself cannot be meant
│   ├── UnknownCity                   a city that is not in the registry
│   └── BadDateRange                  a range that ends before it begins
├── Refused                  exit 3   a rule of the warehouse was broken
│   ├── ContractBroken                rows that a table must not hold
│   ├── Unparsable                    text that is not a price, count, ticker or strike
│   └── ChecksFailed                  the lake does not keep its own promises
├── LakeError                exit 1   the lake could not be read or changed
│   ├── NoSnapshot                    nothing has been published yet, or not that number
│   ├── LakeBusy                      another writer holds the lock
│   ├── DiskFull                      no room to finish; nothing was published
│   └── FileBroken                    a file is missing, altered or not Parquet
├── DatabaseDown             exit 1   PostgreSQL did not take or give the signals
├── Unbalanced               exit 1   money or contracts of a run do not add up
└── VendorError              exit 1   a vendor did not answer as it should
    ├── VendorRefused                 it says that the question or the key is wrong: asking again changes nothing
    ├── VendorDown                    no usable answer after every retry, or too many failures in a row
    ├── Unheard                       something was sent to be done, and whether it was done is not known
    │   └── Ambiguous                 the same of new orders, which it names: they may be in the book
    └── QuotaSpent                    today's budget is used up: what was fetched is kept, go on after its reset
"""

from __future__ import annotations


class KwxError(Exception):
    """The base of every error that a user may see: a sentence, and what to do next."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Usage(KwxError):
    """The request itself cannot be meant."""

    exit_code = 2


class UnknownCity(Usage):
    """A city that is not in the registry."""


class BadDateRange(Usage):
    """A range that ends before it begins."""


class Refused(KwxError):
    """A rule of the warehouse was broken."""

    exit_code = 3


class ContractBroken(Refused):
    """Rows that a table must not hold."""


class Unparsable(Refused):
    """Text that is not a price, count, ticker or strike."""


class ChecksFailed(Refused):
    """The lake does not keep its own promises."""


class LakeError(KwxError):
    """The lake could not be read or changed."""


class NoSnapshot(LakeError):
    """Nothing has been published yet, or not that number."""


class LakeBusy(LakeError):
    """Another writer holds the lock."""


class DiskFull(LakeError):
    """No room to finish; nothing was published."""


class FileBroken(LakeError):
    """A file is missing, altered or not Parquet."""


class DatabaseDown(KwxError):
    """PostgreSQL did not take or give the signals: it is away, or not as it should be."""


class Unbalanced(KwxError):
    """Money or contracts of a run do not add up: its numbers are not to be believed."""


class VendorError(KwxError):
    """A vendor did not answer as it should."""


class VendorRefused(VendorError):
    """The vendor says that the question or the key is wrong, in an HTTP status: asking again changes nothing.

    `code` is the vendor's own word for it, empty where it has none.
    """

    def __init__(self, message: str, *, hint: str = "", status: int | None = None, code: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code


class VendorDown(VendorError):
    """No usable answer after every retry, or too many failures in a row; of what was to be done nothing was sent."""


class Unheard(VendorError):
    """Something was sent to be done, and whether it was done is not known: ask before it is said again."""


class Ambiguous(Unheard):
    """New orders were sent, and whether they are in the book is not known; they are named by their client order ids."""

    def __init__(self, message: str, *, client_order_ids: tuple[str, ...], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.client_order_ids = client_order_ids


class QuotaSpent(VendorError):
    """Today's budget is used up: what was fetched is kept, go on after its reset."""
