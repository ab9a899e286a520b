"""Brings a catalogue into the shop. Of what is there already, only what differs is written.

A line is checked by the serializer that checks what staff send. Its stock is what can be sold from now on: the ledger
gets a row with the difference, so no sale is forgotten.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from common.api.pointers import flatten
from common.catalogue import check_price
from common.keys import keys_of
from common.unicode import folded

from .csv_files import Line
from .models import MAX_STOCK, Category, Product, StockMovement
from .search import INDEX
from .serializers import NewProductInput

BATCH = 500


@dataclass
class Tally:
    made: int = 0
    changed: int = 0
    unchanged: int = 0
    bad: int = 0

    @property
    def lines(self) -> int:
        return self.made + self.changed + self.unchanged + self.bad

    def __str__(self) -> str:
        return f"{self.made} made, {self.changed} changed, {self.unchanged} unchanged, {self.bad} bad"


@dataclass(slots=True)
class Change:
    """What a line does to `product`, which is not saved. `columns` are those that differ."""

    line: Line
    product: Product
    is_new: bool
    columns: Sequence[str]
    delta: int


@dataclass
class Import:
    """`complain` gets each bad line and the reason, `report` the tally after each batch."""

    complain: Callable[[Line, str], None]
    report: Callable[[Tally], None]
    makes_categories: bool = False
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self._categories = Categories(self.makes_categories)
        self._whole, self._partial = (NewProductInput(partial=partial) for partial in (False, True))
        for validator in (self._whole, self._partial):
            validator.fields["category"].queryset = self._categories  # type: ignore[attr-defined]  # a duck

    def check(self, lines: Iterable[Line]) -> Tally:
        """Complain about what is wrong, and write nothing."""
        self._categories.only_pretends = True
        for batch in _batches(lines):
            self._sort_out(batch, _products(batch))
            self.report(self.tally)
        return self.tally

    def write(self, lines: Iterable[Line]) -> Tally:
        """Write what is right, a batch a transaction."""
        for batch in _batches(lines):
            with transaction.atomic():
                _save(self._sort_out(batch, _products(batch).select_for_update(of=("self",))))
            self.report(self.tally)
        return self.tally

    def _sort_out(self, batch: Sequence[Line], known: QuerySet[Product]) -> list[Change]:
        products = {folded(product.sku): product for product in known} | {product.sku: product for product in known}
        changes = []
        for line in batch:
            try:
                changes.append(self._change(line, products.get(line.sku) or products.get(folded(line.sku))))
            except ValidationError as error:
                self._refuse(line, _reason(error))
        return [change for change in self._within_limits(changes) if self._count(change)]

    def _change(self, line: Line, product: Product | None) -> Change:
        if line.fault:
            raise ValidationError(line.fault)
        if product is None:
            product = Product(**self._whole.run_validation(line.values))
            check_price(product.price, product.currency)
            return Change(line, product, True, (), product.stock)
        if product.hidden_at:
            raise ValidationError({"sku": "A product that was removed has this SKU."})
        self._partial.instance = product
        values = self._partial.run_validation(line.values)
        delta = values.pop("stock", product.stock) - product.stock
        columns = [name for name, value in values.items() if getattr(product, name) != value]
        for name in columns:
            setattr(product, name, values[name])
        if {"price", "currency"} & set(columns):
            check_price(product.price, product.currency)
        product.stock += delta
        return Change(line, product, False, columns, delta)

    def _within_limits(self, changes: Sequence[Change]) -> Iterator[Change]:
        """Counts the reserved stock too, which may come back."""
        raised = [change.product.pk for change in changes if change.delta > 0 and not change.is_new]
        ledger = StockMovement.objects.filter(product__in=raised).order_by().values_list("product")
        sums = dict(ledger.annotate(Sum("delta")))
        for change in changes:
            if sums.get(change.product.pk, 0) + change.delta > MAX_STOCK:
                self._refuse(change.line, "stock: The stock would pass its limit.")
            else:
                yield change

    def _count(self, change: Change) -> bool:
        """Whether it changes anything."""
        differs = bool(change.columns or change.delta)
        self.tally.made += change.is_new
        self.tally.changed += differs and not change.is_new
        self.tally.unchanged += not (differs or change.is_new)
        return differs or change.is_new

    def _refuse(self, line: Line, reason: str) -> None:
        self.tally.bad += 1
        self.complain(line, reason)


class Categories:
    """What the serializer looks for a category in. Each is read once."""

    only_pretends = False

    def __init__(self, makes_missing: bool) -> None:
        self._makes_missing = makes_missing
        self._known: dict[str, Category] = {}

    def get(self, *, slug: str) -> Category:
        if slug not in self._known:
            self._known[slug] = self._find(slug)
        return self._known[slug]

    def _find(self, slug: str) -> Category:
        try:
            return Category.objects.get(slug=slug)
        except Category.DoesNotExist:
            if not self._makes_missing:
                raise
        category = Category(slug=slug, name=slug.replace("-", " ").capitalize())
        category.full_clean()
        if not self.only_pretends:
            category.save()
        return category


def _batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """None of them names a product twice: the later line is about what the earlier one has made."""
    batch: dict[str, Line] = {}
    for line in lines:
        key = folded(line.sku) or f"line {line.number}"
        if len(batch) == BATCH or key in batch:
            yield list(batch.values())
            batch = {}
        batch[key] = line
    if batch:
        yield list(batch.values())


def _products(batch: Sequence[Line]) -> QuerySet[Product]:
    skus = [line.sku for line in batch]
    named = Q(sku_key__in=[folded(sku) for sku in skus]) | Q(sku__in=skus)
    return Product.objects.filter(named).select_related("category").order_by("pk")


def _save(changes: Sequence[Change]) -> None:
    new = [change.product for change in changes if change.is_new]
    old = [change for change in changes if not change.is_new]
    Product.objects.bulk_create(new)
    for change in old:
        change.product.updated_at = timezone.now()
    if old:
        columns = {"stock", "updated_at"}.union(*(change.columns for change in old))
        columns |= set(keys_of(Product, columns))
        Product.objects.bulk_update([change.product for change in old], sorted(columns))
    StockMovement.objects.bulk_create(
        StockMovement(product=change.product, delta=change.delta, reason="initial stock" if change.is_new else "import")
        for change in changes
        if change.delta
    )
    INDEX.write(*new, *(change.product for change in old if INDEX.is_about(change.columns)))


def _reason(error: ValidationError) -> str:
    faults = flatten(error.get_full_details())
    return "; ".join(f"{fault['pointer'].lstrip('/')}: {fault['detail']}".removeprefix(": ") for fault in faults)
