"""`manage.py export_user`: the stock that a person has moved as staff."""

from uuid import UUID

from common.personal_data import ExportUser, Rows
from products_project.products.models import StockMovement


class Command(ExportUser):
    def rows_about(self, user_id: UUID) -> Rows:
        return {"stock_movements": StockMovement.objects.filter(by=user_id)}
