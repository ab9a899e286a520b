"""`/`: what Plaza is, and where to go from here."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from common.api.semantics import reading


@reading
@never_cache
def start(request: HttpRequest) -> HttpResponse:
    return render(request, "site/start.html")
