"""The gateway's paths without /api. `credentials/`, `password-resets/` and `accounts/` are for the gateway itself."""

from django.urls import path

from . import views

urlpatterns = [
    path("auth/register/", views.RegistrationView.as_view()),
    path("auth/password-reset/", views.ResetRequestView.as_view()),
    path("auth/password-reset/confirm/", views.ResetView.as_view()),
    path("users/", views.UserListView.as_view()),
    path("users/me/", views.UserView.as_view()),
    path("users/me/password/", views.PasswordView.as_view()),
    path("users/<uuid:user_id>/", views.UserView.as_view()),
    path("credentials/", views.CredentialsView.as_view()),
    path("password-resets/", views.ResetLinkView.as_view()),
    path("accounts/<uuid:user_id>/", views.AccountView.as_view()),
]
