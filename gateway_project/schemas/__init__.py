"""What enters and leaves, one definition for both ways, for the forms and for OpenAPI.

A read-only field only leaves, a write-only one only enters. What leaves holds every field that is not write-only.
"""
