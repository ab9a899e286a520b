"""How the services behind the gateway are doing: circuits, load, latency.

recorder    writes circuits' transitions to the database
reports     what `/api/status/` answers
publisher   tells the other gateway processes
"""
