"""The API in a browser: DRF's browsable renderer with Plaza's own pages, made from the route table and the schemas.

frame       what is around each page: the menu, the person, the version
middleware  what a plain form can say that HTML has no words for, and the messages of the last page
labels      what fields are called
looks       what of each kind of thing is shown, and how it is called
values      one value as HTML
lists       a table, its filters, its next and previous page
things      one thing: its facts, and what may be done with it next
forms       a form of a route's schema, as typed and with its faults
outcomes    where a form leads when it has been accepted, and what is said there
programs    the same as a program sees it
page        puts them together
renderer    is DRF's, and hands over to them
"""
