"""What goes wrong between the gateway and a service, beside `common.upstream.UpstreamError`."""

from django.utils.translation import gettext_lazy as _

from common.api.errors import Problem


class KeysDisagree(Problem):
    """A service refused the gateway's own token. Only the operator can mend that, and a cached answer would hide it."""

    status_code = 502
    slug = "upstream-refused-gateway"
    title = _("Bad gateway")
    default_detail = _("A service does not trust this gateway. The operator must give both the same key.")
