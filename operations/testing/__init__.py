"""Runs every suite and check in a process of its own, side by side, and sums up.

plan       which jobs there are: the default ones, and one `lanes` job for each further machine part
scheduler  runs them, the longest first, none beside another that shares what it can't
reports    reads the counts that pytest leaves behind
measurement  joins what was measured of the code's coverage
summary    one table, and the line that ends it
"""
