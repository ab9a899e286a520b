"""The products service: the catalogue, its stock ledger, and the reservations that orders hold."""
