"""A partition: any order, any chunks, the same facts."""
