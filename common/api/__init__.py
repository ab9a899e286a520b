"""What every project's HTTP surface has in common.

errors         every error as an RFC 9457 problem
limits         what one request may cost
languages      which language an answer is in
parsing        JSON as Plaza reads it
pointers       where in a document an error is
rendering      JSON as Plaza writes it
answers        what services answer, encoded by functions compiled from serializers
serializers    unknown fields and wrong types are refused; query parameters
pagination     keyset cursors
idempotency    the `Idempotency-Key` header
openapi        what drf-spectacular is told about the above
"""
