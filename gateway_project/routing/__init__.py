"""The public API: what a client may ask for, and where it goes.

routes      THE table
operations  what the table is made of
views       the one view that walks it, and the index
answers     what may leave
openapi     the same surface as an OpenAPI document
pages       the same surface for people
headers     what every answer says to caches and browsers
"""
