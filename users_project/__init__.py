"""The users service: accounts, password hashes and roles. Nobody else reads its database."""
