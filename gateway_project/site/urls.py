from django.urls import path

from .catalogue import problem_type, problem_types
from .registration import RegisterPage
from .resets import ResetPage, ResetRequestPage
from .sessions import SessionsPage
from .start import start

urlpatterns = [
    path("", start, name="start"),
    path("register/", RegisterPage.as_view(), name="register"),
    path("password-reset/", ResetRequestPage.as_view(), name="password-reset"),
    path("password-reset/<uuid:user_id>/<slug:token>/", ResetPage.as_view(), name="new-password"),
    path("sessions/", SessionsPage.as_view(), name="sessions"),
    path("problems/", problem_types, name="problem-types"),
    path("problems/<slug:slug>", problem_type, name="problem-type"),
]
