"""Plaza's own pages, for people: the start page, registering, sign-ins, a new password, problems.

forms       fields, and what is said about them after a refusal
asking      a form's values, sent to a service as the route table says
problems    each problem as a page, for whoever asks for one
"""
