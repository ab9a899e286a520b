"""`/problems/`: what each problem means and the mend, as a page or, for programs, as JSON."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from common.api.semantics import reading
from gateway_project.schemas.problem_types import PROBLEM_TYPES, ProblemType

from .problems import wants_page


@reading
def problem_types(request: HttpRequest) -> HttpResponse:
    kinds = list(PROBLEM_TYPES.values())
    return _answer(request, "site/problem_types.html", {"kinds": kinds}, {"results": [_row(kind) for kind in kinds]})


@reading
def problem_type(request: HttpRequest, slug: str) -> HttpResponse:
    kind = PROBLEM_TYPES.get(slug)
    if kind is None:
        raise Http404
    return _answer(request, "site/problem_type.html", {"kind": kind}, _row(kind))


def _answer(request: HttpRequest, template: str, context: dict[str, Any], data: Any) -> HttpResponse:
    response = render(request, template, context) if wants_page(request) else JsonResponse(data)
    patch_vary_headers(response, ["Accept"])
    return response


def _row(kind: ProblemType) -> dict[str, Any]:
    return {
        "type": kind.type,
        "title": str(kind.title),
        "status": kind.status,
        "meaning": str(kind.meaning),
        "mend": str(kind.mend),
        "passes": kind.passes,
    }
