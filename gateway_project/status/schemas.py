"""What `/api/status/` answers."""

from typing import Any

from rest_framework import serializers

from gateway_project.store.fallback import MODES

from .models import CircuitTransition

STATES = ("closed", "open", "half-open")


class PointReport(serializers.Serializer[Any]):
    """A second with attempts."""

    ago_s = serializers.IntegerField(help_text="How many seconds ago; 0 is the one that has not ended.")
    count = serializers.IntegerField(help_text="Attempts.")
    failed = serializers.IntegerField()
    p50_ms = serializers.FloatField()
    max_ms = serializers.FloatField()


class UpstreamReport(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="The service, and which lane of it where it has several.")
    circuit = serializers.ChoiceField(choices=STATES)
    retry_after_s = serializers.FloatField(
        allow_null=True,
        help_text="While it is open: until a call may try it again; 0.1 when the next one may.",
    )
    in_flight = serializers.IntegerField()
    max_in_flight = serializers.IntegerField()
    waiting = serializers.IntegerField(help_text="Requests and calls that wait in line for a place.")
    calls = serializers.IntegerField(help_text="Attempts of the last minute, retries included.")
    failures = serializers.IntegerField(help_text="Those of them that brought no usable answer.")
    failure_rate = serializers.FloatField(help_text="From 0 to 1.")
    p50_ms = serializers.FloatField(allow_null=True, help_text="Of the last minute, within 2 %.")
    p99_ms = serializers.FloatField(allow_null=True)
    rejected = serializers.IntegerField(help_text="Calls refused because the bulkhead was full, since the start.")
    retries = serializers.IntegerField(help_text="Since the start.")
    points = PointReport(many=True, help_text="The last minute, oldest first; seconds without attempts are left out.")


class ProcessReport(serializers.Serializer[Any]):
    process = serializers.CharField(help_text="Host and process id.")
    upstreams = UpstreamReport(many=True)


class TransitionReport(serializers.ModelSerializer[CircuitTransition]):
    class Meta:
        model = CircuitTransition
        fields = ("upstream", "old", "new", "failed", "total", "process", "at")
        read_only_fields = fields


class StatusReport(serializers.Serializer[Any]):
    processes = ProcessReport(many=True, help_text="Of this gateway; of all that share its Redis, if it has one.")
    shared = serializers.ChoiceField(choices=MODES, help_text="Where throttles and cached answers are.")
    transitions = TransitionReport(many=True, help_text="The last ones, newest first.")
