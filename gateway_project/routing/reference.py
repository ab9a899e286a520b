"""What the OpenAPI document says about each operation: its id, a summary, and what it is for.

Keys are the document's own, without `/api/`. A test holds them to the surface: no operation lacks its words.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """`id` is what generated clients call the operation. It is part of the contract, so it never changes."""

    id: str
    summary: str
    description: str


INTRODUCTION = """\
A shop backend behind one gateway: accounts, catalogue, stock and orders.

**Signing in.** `POST /api/auth/token/` answers an access token for 5 minutes and a refresh token for 7 days. Send the
first as `Authorization: Bearer …` and get the next pair with the second. In a browser, sign in at `/login/`: this
page then sends your cookies and the CSRF token by itself, and you need not authorize anything.

**Problems.** Every error is `application/problem+json` (RFC 9457). Its `type` is stable for each cause and is the path
of a page that explains it. Its `request_id` finds the request in the operator's logs.

**Money** is decimal text, such as `"29.90"`, beside an ISO 4217 `currency`. Don't read it as a floating-point number.

**Lists** have `next` and `previous`: paths to follow as they are. Their `cursor` belongs to the filters and the
ordering it was made with. Unknown query parameters are refused.

**Writes.** Send an `Idempotency-Key` with an order or a stock movement, and the same key again after a lost answer:
it is done once. Send the `ETag` of a product or category as `If-Match`, and nobody's change is overwritten.

**Limits.** Beyond its limit a client gets 429, and `Retry-After` says for how many seconds to wait. Texts follow
`Accept-Language` (English and Spanish).
"""

TAGS: Mapping[str, str] = {
    "auth": "Registering, signing in and out, and the sign-ins that are open.",
    "users": "Accounts: your own, and for staff everybody's.",
    "categories": "What the catalogue is divided into. Everybody reads, staff write.",
    "products": "The catalogue and its stock. Everybody reads, staff write.",
    "orders": "Buying. An order is taken even while the catalogue is out of order, and settles when it is back.",
    "status": "How the services behind the gateway are.",
}

_OPEN_ORDERS = "An order is changed by its owner or by staff; for anybody else it does not exist."
_VERSION = "Send the ETag you read as `If-Match`: if it has changed since, the answer is 412 and nothing is written."

WORDS: Mapping[str, Words] = {
    "POST auth/register/": Words(
        "register",
        "Register an account",
        "Makes an account for a customer. It is not signed in by that: ask for tokens next.",
    ),
    "POST auth/password-reset/": Words(
        "requestPasswordReset",
        "Ask for a new password",
        "Mails a link to the address of the account, if there is one. The answer is the same for any username or "
        "address. It is counted: a few an hour for each account, and some more for each address.",
    ),
    "POST auth/password-reset/confirm/": Words(
        "resetPassword",
        "Set a new password by a mailed link",
        "`user_id` and `token` are the two last parts of the link. It works once, for an hour. All sign-ins of the "
        "account end.",
    ),
    "POST auth/token/": Words(
        "signIn",
        "Sign in",
        "Answers an access token for 5 minutes and a refresh token for 7 days. A client that has signed in before "
        "should send its last access token, expired or not, in the Authorization header: it shows that it is no "
        "stranger, so others who guess the password can't lock it out.",
    ),
    "POST auth/token/refresh/": Words(
        "refreshTokens",
        "Get the next tokens",
        "Answers the next pair. A refresh token works once: keep the new one. If two requests use one at the same "
        "time, the later is refused with `/problems/token-spent`, and the sign-in goes on with the other's answer. "
        "A 503 has used nothing up: ask again.",
    ),
    "POST auth/token/verify/": Words(
        "verifyToken",
        "Check an access token",
        "Tells whether an access token would be accepted at this moment: 200 if so, else 401.",
    ),
    "POST auth/logout/": Words(
        "signOut",
        "Sign out",
        "Ends the sign-in that a refresh token belongs to. Its access tokens are refused within a second.",
    ),
    "GET auth/sessions/": Words(
        "listSessions",
        "List your sign-ins",
        "Your open sign-ins, newest first, with device and address: look here for one that isn't yours.",
    ),
    "DELETE auth/sessions/": Words(
        "endAllSessions",
        "Sign out everywhere",
        "Ends all of your sign-ins, this one included.",
    ),
    "DELETE auth/sessions/{session_id}/": Words(
        "endSession",
        "End one sign-in",
        "Ends one of your sign-ins, for example on a device that you have lost.",
    ),
    "GET users/me/": Words("getMe", "Get your account", "The account that the request is signed in as."),
    "PUT users/me/": Words(
        "replaceMe",
        "Replace your account",
        "Writes all fields; optional ones that are left out stay. A new e-mail address needs `current_password`.",
    ),
    "PATCH users/me/": Words(
        "updateMe",
        "Change your account",
        "Writes the fields that are sent. A new e-mail address needs `current_password`.",
    ),
    "DELETE users/me/": Words(
        "deleteMe",
        "Delete your account",
        "Takes your name and address out of the shop and ends your sign-ins. It is final. Your orders stay, as they "
        "are the shop's books. Needs `current_password`.",
    ),
    "POST users/me/password/": Words(
        "changeMyPassword",
        "Change your password",
        "All other sign-ins of yours end, so whoever knew the old password is out.",
    ),
    "GET users/": Words(
        "listUsers",
        "List accounts",
        "All accounts, newest first. `search` finds by the beginnings of words in username, e-mail and name.",
    ),
    "POST users/": Words(
        "createUser",
        "Create an account",
        "Makes an account for somebody else, staff too.",
    ),
    "GET users/{user_id}/": Words("getUser", "Get an account", "Your own account, or for staff anybody's."),
    "PUT users/{user_id}/": Words(
        "replaceUser",
        "Replace an account",
        "Writes all fields; optional ones that are left out stay. Only staff write `is_staff` and `is_active`, and "
        "never their own. Deactivating an account ends its sign-ins.",
    ),
    "PATCH users/{user_id}/": Words(
        "updateUser",
        "Change an account",
        "Writes the fields that are sent. Only staff write `is_staff` and `is_active`, and never their own. "
        "Deactivating an account ends its sign-ins.",
    ),
    "DELETE users/{user_id}/": Words(
        "deleteUser",
        "Delete an account",
        "Takes the person's name and address out of the shop. It is final: to keep somebody out for a while, "
        "change `is_active`.",
    ),
    "GET categories/": Words("listCategories", "List categories", "All categories, oldest first."),
    "POST categories/": Words(
        "createCategory",
        "Create a category",
        "Makes a category. Its slug, by which products name it, is made of the name unless one is sent.",
    ),
    "GET categories/{slug}/": Words("getCategory", "Get a category", "One category, with an ETag."),
    "PUT categories/{slug}/": Words("replaceCategory", "Replace a category", f"Writes all fields. {_VERSION}"),
    "PATCH categories/{slug}/": Words(
        "updateCategory", "Change a category", f"Writes the fields that are sent. {_VERSION}"
    ),
    "DELETE categories/{slug}/": Words(
        "deleteCategory",
        "Delete a category",
        "Deletes a category that no product is in, and no deleted one was; else the answer is 409.",
    ),
    "GET products/": Words(
        "listProducts",
        "List and search products",
        "Newest first, unless `ordering` says otherwise. `search` finds products whose name, description or SKU holds "
        "every word, each as the beginning of a word, whatever its case and accents.",
    ),
    "POST products/": Words(
        "createProduct",
        "Create a product",
        "Makes a product. Its opening `stock` is the first row of its ledger.",
    ),
    "GET products/{product_id}/": Words(
        "getProduct",
        "Get a product",
        "One product, with an ETag. While the catalogue is out of order, the last known answer is served, with `Age` "
        "and `Cache-Status` to tell.",
    ),
    "PUT products/{product_id}/": Words(
        "replaceProduct",
        "Replace a product",
        f"Writes all fields but `stock`, which only movements change: a form that is out of date can't erase a sale. "
        f"{_VERSION}",
    ),
    "PATCH products/{product_id}/": Words(
        "updateProduct", "Change a product", f"Writes the fields that are sent. {_VERSION}"
    ),
    "DELETE products/{product_id}/": Words(
        "deleteProduct",
        "Delete a product",
        "Takes a product out of the catalogue. Orders keep its name and price, and its SKU stays taken.",
    ),
    "GET products/{product_id}/stock/": Words(
        "listStockMovements",
        "List a product's stock movements",
        "The ledger, newest first. What is in stock is its sum, less what orders hold.",
    ),
    "POST products/{product_id}/stock/": Words(
        "moveStock",
        "Move stock",
        "Adds `delta` to the stock: what arrived, or with a minus what broke. It never falls below 0: that is 409. "
        "Send an `Idempotency-Key`, so that a repeated request moves nothing again.",
    ),
    "GET orders/": Words(
        "listOrders",
        "List orders",
        "Your own orders, newest first; for staff everybody's, which `user_id` narrows.",
    ),
    "POST orders/": Words(
        "placeOrder",
        "Place an order",
        "201: all of it is reserved, at the catalogue's prices. 409: it is rejected; `items` says what is left. 202: "
        "the catalogue does not answer; the order is taken, pending, and settles by itself: read it again later. Send "
        "an `Idempotency-Key` of your own, and after a lost answer the same request with the same key: one order is "
        "made, and the repeated answer says `Idempotent-Replayed`.",
    ),
    "GET orders/{order_id}/": Words(
        "getOrder",
        "Get an order",
        "One order with its lines and history. While it is pending, its prices are null.",
    ),
    "PATCH orders/{order_id}/": Words(
        "updateOrder",
        "Change an order",
        "Note and shipping address can be changed until it is shipped. Staff move `status` to paid, shipped and "
        f"delivered, in this order. {_OPEN_ORDERS}",
    ),
    "DELETE orders/{order_id}/": Words(
        "deleteOrder",
        "Hide a finished order",
        "Takes a delivered, rejected or cancelled order out of sight, for everybody. The shop's books keep it. "
        f"{_OPEN_ORDERS}",
    ),
    "POST orders/{order_id}/cancel/": Words(
        "cancelOrder",
        "Cancel an order",
        "Gives its products back, once, until it is shipped. To cancel it again changes nothing and is 200. "
        f"{_OPEN_ORDERS}",
    ),
    "GET status/": Words(
        "getStatus",
        "See how the services are",
        "Each service's circuit, load and latency as the gateway's processes see them, and the last transitions.",
    ),
}


def words_of(method: str, path: str) -> Words:
    """Raises `KeyError` for an operation of the surface that has none yet."""
    return WORDS[f"{method} {path.removeprefix('/api/')}"]
