"""What other rooms may listen to."""

from django.dispatch import Signal

# With `transition`, a `common.resilience.Transition`. Sent under the circuit's lock: a receiver must not wait.
circuit_changed = Signal()
