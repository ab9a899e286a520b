"""What can stand in the way of what is asked for."""

from django.utils.translation import gettext_lazy as _

from .kind import ProblemType

CONFLICTS = (
    ProblemType(
        "not-found",
        404,
        _("Not found"),
        _("There is no such page or thing, it was deleted, or it is somebody else's."),
        _("Check the address, or look for it in the list that it should be in."),
    ),
    ProblemType(
        "reset-link-invalid",
        404,
        _("This link does not work any more"),
        _("The link for a new password has been used, has expired, or a newer password was set."),
        _("Ask for a new link at /password-reset/."),
    ),
    ProblemType(
        "method-not-allowed",
        405,
        _("Method not allowed"),
        _("This address exists, but not for this method."),
        _("Use one of the methods in the Allow header."),
    ),
    ProblemType(
        "not-acceptable",
        406,
        _("Not acceptable"),
        _("The Accept header asks for a format that is not written here."),
        _("Accept application/json, or text/html for pages."),
    ),
    ProblemType(
        "username-taken",
        409,
        _("Username taken"),
        _("Somebody has this username already, perhaps in other capitals."),
        _("Choose another username."),
    ),
    ProblemType(
        "last-staff-account",
        409,
        _("Last staff account"),
        _("Without this account no active staff account would be left."),
        _("Make another staff account first."),
    ),
    ProblemType(
        "sku-taken",
        409,
        _("SKU taken"),
        _("Another product has this SKU, or had it before it was deleted."),
        _("Choose another SKU."),
    ),
    ProblemType(
        "slug-taken",
        409,
        _("Slug taken"),
        _("Another category has this slug."),
        _("Choose another slug."),
    ),
    ProblemType(
        "category-in-use",
        409,
        _("Category in use"),
        _("Products are in this category, so it can't be deleted."),
        _("Move or delete its products first."),
    ),
    ProblemType(
        "insufficient-stock",
        409,
        _("Insufficient stock"),
        _("There is not enough in stock. The items say what was asked for and what is left."),
        _("Order less, or wait until there is more."),
    ),
    ProblemType(
        "unknown-product",
        409,
        _("Unknown product"),
        _("The order names a product that doesn't exist, or no longer. The items say which."),
        _("Order again without it."),
    ),
    ProblemType(
        "mixed-currency",
        409,
        _("Mixed currencies"),
        _("The products of the order have prices in different currencies."),
        _("Place one order for each currency."),
    ),
    ProblemType(
        "released",
        409,
        _("Order released"),
        _("The order was cancelled before its products were reserved."),
        _("Place a new order, with a new Idempotency-Key."),
    ),
    ProblemType(
        "wrong-status",
        409,
        _("Wrong status"),
        _("In its present status, the order can't do that."),
        _("Read the order again: its status says what may come next."),
    ),
    ProblemType(
        "precondition-failed",
        412,
        _("Precondition failed"),
        _("It has been changed since you read it: this is not the version that If-Match or If-None-Match asks for."),
        _("Read it again, and decide anew."),
    ),
    ProblemType(
        "query-too-costly",
        422,
        _("Query too costly"),
        _("To find this takes longer than a query may."),
        _("Use fewer conditions at once, longer words, a shorter range of time or price, or another ordering."),
    ),
    ProblemType(
        "idempotency-key-reused",
        422,
        _("Idempotency key reused"),
        _("This Idempotency-Key came with another body before."),
        _("Use a new key for each new order or movement, and the same key only to repeat one."),
    ),
)
