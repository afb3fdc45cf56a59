"""The worker: books, changelog and outbox, and Faust against real brokers."""
