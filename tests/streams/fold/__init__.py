"""The fold: worked cases and laws."""
