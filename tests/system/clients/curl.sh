#!/bin/sh
# What curl does with each kind of request. Each line of the output is a kind and its statuses.
set -eu
kept=$(mktemp -d)
trap 'rm -r "$kept"' EXIT
send() { curl --silent --output "$kept/body" --write-out '%{http_code} ' --max-time 20 \
    -H "Authorization: Bearer $PLAZA_ACCESS" -H 'Content-Type: application/json' "$@"; }

order="{\"items\": [{\"product_id\": \"$PLAZA_PRODUCT\", \"quantity\": 1}]}"
echo "chunked $(send -H 'Transfer-Encoding: chunked' --data "$order" "$PLAZA_URL/api/orders/")"

head -c 300000 /dev/zero >"$kept/large"
# Both on one connection, if it is still there.
echo "too-large $(send --data-binary "@$kept/large" "$PLAZA_URL/api/orders/")$(send "$PLAZA_URL/api/users/me/")"

echo "lower-case $(send -X patch --data '{"first_name": "C"}' "$PLAZA_URL/api/users/me/")"

path="$PLAZA_URL/api/products/$PLAZA_PRODUCT/"
whole=$(send --dump-header "$kept/head" "$path")
etag=$(sed -n 's/^ETag: \(.*\)\r$/\1/Ip' "$kept/head")
: >"$kept/body"
known=$(send -H "If-None-Match: $etag" "$path")
length=$(wc -c <"$kept/body")
echo "conditional $whole$known$length $(send -X PATCH -H 'If-Match: "stale"' --data '{}' "$path")"

echo "redirect $(send --location "$PLAZA_URL/api/products?page_size=1")"

for number in 1 2 3 4; do
    send --data "{\"refresh\": \"$PLAZA_REFRESH\"}" --output "$kept/refresh$number" \
        "$PLAZA_URL/api/auth/token/refresh/" >"$kept/status$number" &
done
wait
echo "refresh $(cat "$kept"/status* | tr ' ' '\n' | sort | tr '\n' ' ')"
