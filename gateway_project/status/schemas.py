"""What `/api/status/` answers."""

from typing import Any

from rest_framework import serializers

from .models import CircuitTransition

STATES = ("closed", "open", "half-open")


class UpstreamReport(serializers.Serializer[Any]):
    name = serializers.CharField()
    circuit = serializers.ChoiceField(choices=STATES)
    in_flight = serializers.IntegerField()
    max_in_flight = serializers.IntegerField()
    rejected = serializers.IntegerField(help_text="Calls refused because the bulkhead was full, since the start.")
    calls = serializers.IntegerField(help_text="Calls in the circuit's window.")
    failures = serializers.IntegerField(help_text="Those of them that failed or were slow.")
    retries = serializers.IntegerField(help_text="Since the start.")


class TransitionReport(serializers.ModelSerializer[CircuitTransition]):
    class Meta:
        model = CircuitTransition
        fields = ("upstream", "old", "new", "failed", "total", "process", "at")
        read_only_fields = fields


class StatusReport(serializers.Serializer[Any]):
    upstreams = UpstreamReport(many=True)
    transitions = TransitionReport(many=True)
