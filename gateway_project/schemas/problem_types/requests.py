"""What can be wrong with a request, and with who sends it."""

from django.utils.translation import gettext_lazy as _

from .kind import ProblemType

SIGN_IN = _("Sign in again.")

REQUESTS = (
    ProblemType(
        "invalid",
        400,
        _("Invalid input"),
        _("One or more fields are missing, unknown or not as they must be."),
        _("Correct what the errors name: each names a field, what is wrong with it, and a code."),
    ),
    ProblemType(
        "parse-error",
        400,
        _("Bad request"),
        _("The body is not JSON as RFC 8259 has it, or holds too much."),
        _("Send one JSON object in UTF-8, without a key twice. The detail says what is wrong."),
    ),
    ProblemType(
        "bad-request",
        400,
        _("Bad request"),
        _("The request itself can't be understood: its address, its headers or its query."),
        _("Correct the request as the detail says."),
    ),
    ProblemType(
        "request-timeout",
        408,
        _("Request timeout"),
        _("The request took too long to arrive."),
        _("Send it again, on a better connection."),
    ),
    ProblemType(
        "length-required",
        411,
        _("Length required"),
        _("The request has a body without a Content-Length."),
        _("Send the body with a Content-Length."),
    ),
    ProblemType(
        "body-too-large",
        413,
        _("Content too large"),
        _("The body has more bytes than this path takes."),
        _("Send less at once. The detail says how much is taken."),
    ),
    ProblemType(
        "uri-too-long",
        414,
        _("URI too long"),
        _("The path and the query together are too long."),
        _("Ask for less at once."),
    ),
    ProblemType(
        "unsupported-media-type",
        415,
        _("Unsupported media type"),
        _("The body is in a format or an encoding that is not read here."),
        _("Send Content-Type: application/json, and no Content-Encoding."),
    ),
    ProblemType(
        "expectation-failed",
        417,
        _("Expectation failed"),
        _("The request has an Expect header with something else than 100-continue."),
        _("Leave the Expect header out."),
    ),
    ProblemType(
        "headers-too-large",
        431,
        _("Request header fields too large"),
        _("The headers of the request are too large."),
        _("Send fewer or smaller headers. In a browser, delete the cookies of this site."),
    ),
    ProblemType(
        "unknown-coding",
        501,
        _("Not implemented"),
        _("The body comes in a transfer coding that is not known here."),
        _("Send it chunked, or with a Content-Length."),
    ),
    ProblemType(
        "not-authenticated",
        401,
        _("Not authenticated"),
        _("This is for people who are signed in."),
        _("Sign in. A program sends Authorization: Bearer with an access token of /api/auth/token/."),
    ),
    ProblemType(
        "authentication-failed",
        401,
        _("Not authenticated"),
        _("The service doesn't know who asks. Services answer only calls with a token of another service."),
        _("Ask the gateway instead of the service itself."),
    ),
    ProblemType(
        "invalid-credentials",
        401,
        _("Not authenticated"),
        _("No active account has this username and password."),
        _("Check both and try again, or ask for a new password at /password-reset/."),
    ),
    ProblemType(
        "invalid-token",
        401,
        _("Not authenticated"),
        _("The access token is forged, has expired, or is no access token."),
        _("Get the next one with your refresh token at /api/auth/token/refresh/, or sign in again."),
    ),
    ProblemType(
        "session-ended",
        401,
        _("Not authenticated"),
        _("This sign-in has ended: by signing out, a new password, a change of the account, or its age."),
        SIGN_IN,
    ),
    ProblemType(
        "token-spent",
        401,
        _("Not authenticated"),
        _("This refresh token was used a moment ago, for example in another tab."),
        _("Use the tokens of that answer. If it is lost, sign in again."),
    ),
    ProblemType(
        "permission-denied",
        403,
        _("Forbidden"),
        _("You are not allowed to do this."),
        _("Sign in as somebody who may, for example as staff."),
    ),
    ProblemType(
        "csrf-failed",
        403,
        _("Forbidden"),
        _("The form is too old, or came from another site."),
        _("Go back, reload the page and send the form again. A program should send its token in a header."),
    ),
    ProblemType(
        "role-not-yours",
        403,
        _("Not yours to change"),
        _("Only staff change is_staff and is_active, and never their own."),
        _("Ask another member of staff."),
    ),
    ProblemType(
        "throttled",
        429,
        _("Too many requests"),
        _("There were too many requests, or too many wrong passwords, in a short time."),
        _("Wait for the seconds in Retry-After, then try again."),
    ),
)
