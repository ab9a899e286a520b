"""Where to go after signing in."""

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

START = "/"


def next_page(request: HttpRequest) -> str:
    """A path of this site, whatever the link or the form says."""
    wanted = request.POST.get("next") or request.GET.get("next") or START
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith("/")
    return wanted if is_ours else START
