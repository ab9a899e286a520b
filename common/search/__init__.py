"""Search for words: what a word is (`words`), the tables that hold them (`index`), and what finds them (`find`).

A model that can be searched has a second model beside it, an `Entry` a row. The entries are numbered in the order in
which their rows were made, and hold their words. A search walks them by number, newest first.
"""
