"""Runs every suite and check in a process of its own, side by side, and sums up.

plan         which jobs there are: the default ones, and one for each suite that a lane runs
lanes        what `--all` adds, and what the machine must have for it
markers      makes the lanes' markers known to pytest
scheduler    runs the jobs, the longest first, none beside another that shares what it can't
reports      reads the counts that pytest leaves behind
measurement  joins what was measured of the code's coverage
summary      what a person reads: progress, failures, tables, and the line that ends it
"""
