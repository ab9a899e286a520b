"""What the status page's script says, in the language of whoever looks."""

from django.utils.translation import gettext, gettext_noop as _

TEXTS = (
    _("healthy"),
    _("out of order"),
    _("trying"),
    _("Throttles and cached answers are shared through Redis."),
    _("Throttles and cached answers are in this process's memory."),
    _("Redis does not answer: throttles and cached answers are in each process's own memory for now."),
    _("Gateway process {process}"),
    _("of {count}"),
    _("{count} of {most}"),
    _("out of order, next try in {seconds} s"),
    _("out of order, next call tries"),
    _("All are healthy"),
    _("Status"),
    _("{name}: {state}"),
    _("{name}: {state} in {count} of {most} processes"),
    _("the try was answered"),
    _("after a pause"),
    _("the try failed"),
    _("{failed} of {total} calls failed or were slow"),
    _("p50 {p50}, slowest {slowest}, {failures} failed"),
    _("Latency of the last minute: {said}"),
    _("no calls"),
    _("{number} s ago"),
    _("{number} min ago"),
    _("{number} h ago"),
    _("{number} d ago"),
    _("Too many requests are made in your name. {as_of}"),
    _("The gateway does not answer. {as_of}"),
    _("Sign in again"),
    _("Only staff may see this page."),
    _("Your sign-in has ended, or cannot be renewed now."),
    _("This is how it was at {time}."),
    _("no news for {seconds} s"),
    _("live"),
)


def translated() -> dict[str, str]:
    return {text: gettext(text) for text in TEXTS}
