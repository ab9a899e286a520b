"""Signing in and out: the gateway's own."""

from typing import Any

from rest_framework import serializers

from common.api.serializers import PageSerializer, StrictSerializer


class TokenPair(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()


class RefreshInput(StrictSerializer):
    refresh = serializers.CharField(max_length=4096)


class TokenInput(StrictSerializer):
    token = serializers.CharField(max_length=4096)


class Session(serializers.Serializer[Any]):
    """One sign-in; `device` is what the client called itself."""

    id = serializers.UUIDField()
    device = serializers.CharField(allow_blank=True)
    address = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    current = serializers.SerializerMethodField(help_text="Whether this request belongs to it.")

    def get_current(self, session: Any) -> bool:
        return bool(session.pk == self.context["current"])


class SessionPage(PageSerializer):
    results = Session(many=True)
