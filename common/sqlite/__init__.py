"""Django's SQLite backend with a fair write lock and a private file."""
