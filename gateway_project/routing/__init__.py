"""The public surface: `routes` is the table, `views` the one view that walks it."""
