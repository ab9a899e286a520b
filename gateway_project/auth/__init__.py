"""Who is asking.

Each sign-in is a `Session` row with two tokens. The access token (5 minutes) is checked without a query, against a list
of revoked sessions that is read twice a second. The refresh token (7 days) works once and brings the next pair.
"""
