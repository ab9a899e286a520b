"""Who is asking: sign-ins as sessions, tokens that prove them, and their end.

A sign-in is a `Session` row. Its access token (5 minutes) is checked without a query, against a list of revoked
sessions that is re-read twice a second; its refresh token works once and brings the next pair.
"""
