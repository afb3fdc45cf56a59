"""When the open clocks of conversations fall due, and the alerts that this raises. No clock of its own, no Kafka."""
