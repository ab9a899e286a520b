"""The API gateway: the only way in. It authenticates, checks what enters and what leaves, and passes on."""
