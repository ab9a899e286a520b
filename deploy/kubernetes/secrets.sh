#!/bin/sh
# Prints a Secret for each service, of the files that `python3 -m operations.compose_secrets` has made. Needs kubectl.
set -eu
cd "$(dirname "$0")/../../.plaza/compose-secrets"
secret() {
    name=$1
    shift
    for file in "$@"; do set -- "$@" --from-file="$file"; shift; done
    kubectl create secret generic "plaza-$name" --namespace plaza --dry-run=client --output yaml "$@"
    echo ---
}
secret gateway gateway-database-url django-gateway jwt-signing gateway-users gateway-products gateway-orders metrics-token
secret users users-database-url django-users gateway-users operator-users metrics-token
secret products products-database-url django-products gateway-products orders-products operator-products metrics-token
secret orders orders-database-url django-orders gateway-orders orders-products operator-orders metrics-token
secret relay orders-database-url django-orders gateway-orders orders-products operator-orders metrics-token
secret admin users-database-url django-users gateway-users operator-users metrics-token admin-password
