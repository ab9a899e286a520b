"""Tools of the test suites. Each of them exists once.

checkout    copies of parts of the repository
clock       time that stands still
examples    a valid answer of each kind, as the services write it
http        a client for a running Plaza
plaza       a running Plaza
service     clients and checks for the suites of the three services
threads     calls at the same time, and calls that a test holds in flight
wire        HTTP as raw bytes
"""
