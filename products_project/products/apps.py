from django.apps import AppConfig


class ProductsConfig(AppConfig):
    name = "products_project.products"
    label = "products"

    def ready(self) -> None:
        from .search import INDEX  # has a model

        INDEX.keep(self)
