"""The orders service: orders, their history, and what each still wants of products."""
