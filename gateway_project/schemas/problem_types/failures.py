"""What can be out of order."""

from django.utils.translation import gettext_lazy as _

from .kind import ProblemType

TRY_AGAIN = _("Try again after the seconds in Retry-After.")
REPORT = _("Try again later. If it stays, tell the operator the request_id: the log has the details.")
UNDECIDED = _(
    "A read can be sent again. After a write, look first whether it was done, or send it again with the same "
    "Idempotency-Key."
)

FAILURES = (
    ProblemType(
        "internal",
        500,
        _("Internal error"),
        _("Something went wrong on our side. It has been logged."),
        REPORT,
    ),
    ProblemType(
        "upstream-unreachable",
        502,
        _("Bad gateway"),
        _("A service can't be reached. Nothing was done."),
        _("Try again soon."),
        passes=True,
    ),
    ProblemType(
        "upstream-broken-off",
        502,
        _("Bad gateway"),
        _("A service broke off its answer."),
        UNDECIDED,
    ),
    ProblemType(
        "upstream-error",
        502,
        _("Bad gateway"),
        _("A service failed. It has been logged."),
        REPORT,
    ),
    ProblemType(
        "contract-violation",
        502,
        _("Bad gateway"),
        _("A service answered with something that was not agreed, so it is not passed on."),
        REPORT,
    ),
    ProblemType(
        "upstream-refused-gateway",
        502,
        _("Bad gateway"),
        _("A service does not trust this gateway: their keys differ."),
        _("Only the operator can mend that: give both the same key."),
    ),
    ProblemType(
        "upstream-timeout",
        504,
        _("Gateway timeout"),
        _("A service did not answer in time."),
        UNDECIDED,
        passes=True,
    ),
    ProblemType(
        "circuit-open",
        503,
        _("Service unavailable"),
        _("This part of the shop is out of order. The gateway looks every second whether it is back."),
        TRY_AGAIN,
        passes=True,
    ),
    ProblemType(
        "bulkhead-full",
        503,
        _("Service busy"),
        _("This part of the shop is overloaded. Nothing was done."),
        TRY_AGAIN,
        passes=True,
    ),
    ProblemType(
        "overloaded",
        503,
        _("Service unavailable"),
        _("The gateway is overloaded, and the request would have waited for too long. Nothing was done."),
        TRY_AGAIN,
        passes=True,
    ),
    ProblemType(
        "too-many-connections",
        503,
        _("Service unavailable"),
        _("Too many connections are open, in all or from your address."),
        _("Close some, and try again after the seconds in Retry-After."),
    ),
    ProblemType(
        "storage",
        503,
        _("Nothing can be written"),
        _("This part of the shop can be read, but its disk is full or read-only. Nothing was saved."),
        _("Try again later. The operator has to make room."),
    ),
    ProblemType(
        "database-unavailable",
        503,
        _("Database unavailable"),
        _("A database does not answer."),
        TRY_AGAIN,
        passes=True,
    ),
    ProblemType(
        "revocations-unknown",
        503,
        _("Service unavailable"),
        _("The gateway can't see at the moment which sign-ins have ended, so it lets nobody in."),
        _("Try again soon."),
        passes=True,
    ),
    ProblemType(
        "leaving",
        503,
        _("Leaving"),
        _("This process is about to end."),
        _("Ask another one. This is for whoever balances load."),
    ),
)
