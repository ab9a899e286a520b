"""What several gateway processes share: cached answers, counters, and what they publish.

counters    numbers in the memory of one process, which cached answers can't push out
backends    the memory of one process, or a Redis server
fallback    Redis, and the process's own memory while Redis fails
cache       answers of the services
addresses   where a request comes from
throttles   limits on requests and on attempts to sign in
"""
