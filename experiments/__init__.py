"""Where the README's figures come from: `manage_all.py chaos` and `manage_all.py bench`."""
