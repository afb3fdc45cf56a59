"""The gateway: an HTTP server that takes what channels send, and answers once Kafka has it."""
