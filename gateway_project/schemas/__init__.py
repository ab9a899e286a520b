"""What enters and what leaves. One definition checks both, and makes the forms and the OpenAPI document.

A read-only field only leaves, a write-only field only enters. An answer holds every field that is not write-only.
"""
