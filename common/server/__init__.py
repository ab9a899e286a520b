"""The HTTP server of each project: gunicorn's processes and parser, with a worker of our own.

A client can be as slow as it likes, and there can be thousands: it costs a socket, and not a thread.

    arbiter        starts the workers, and becomes their caretaker
    caretaker      tells them to leave, and starts again with new code on SIGHUP
    trial            whether that code starts
    worker         one process: its life, from the first connection to the last answer
    server         lets connections in, and decides who goes when there are too many
    conversations  reads a request until it is whole, has it answered, writes the answer
    framing          from bytes to whole requests
    connections      who is connected, doing what, since when
    refusals         what the server answers by itself
    threads        run the application, which never waits for a client
    lines            who waits for one of them, and whose turn it is
    application      from a whole request to a whole answer
    loop           waits for all sockets at once
    one_core       keeps a process on one core of the machine
    limits         the numbers

Why it is made so, and what was measured, is in docs/server-model.md.
"""
