"""The whole way: published events, a worker, a sink, and what ClickHouse then says."""
