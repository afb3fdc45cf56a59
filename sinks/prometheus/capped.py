"""Who has series of its own: the first so many tenants, and values of a dimension within each; the rest is "other".

One object for all metrics of a process, so that a tenant has its name in all of them or in none.
"""

from __future__ import annotations

OTHER = "other"


class Capped:
    """Hands out places, for good. No name at all needs none. For one thread."""

    def __init__(self, tenants: int = 50, values: int = 20) -> None:
        self._most_tenants = tenants
        self._most_values = values
        #: Tenants that have a place → dimension → its values that have one.
        self._places: dict[str, dict[str, set[str]]] = {}

    def tenant(self, tenant: str, *, take: bool = True) -> str:
        """What it is shown as. `take`: a free place is its own from now on."""
        if not tenant or tenant in self._places:
            return tenant
        if not take or len(self._places) >= self._most_tenants:
            return OTHER
        self._places[tenant] = {}
        return tenant

    def value(self, tenant: str, dimension: str, value: str, *, take: bool = True) -> tuple[str, str]:
        """What a tenant and one of its values are shown as. `take`: free places are theirs from now on."""
        shown = self.tenant(tenant, take=take)
        if not value:
            return shown, value
        dimensions = self._places.get(tenant)
        if dimensions is None:
            return shown, OTHER
        values = dimensions.setdefault(dimension, set())
        if value in values:
            return shown, value
        if not take or len(values) >= self._most_values:
            return shown, OTHER
        values.add(value)
        return shown, value
