"""Where the results land: ClickHouse for questions, Prometheus for watching."""
