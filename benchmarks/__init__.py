"""Where the README's figures come from: `python3 manage_all.py bench`."""
