"""The records that travel through the pipeline: their types, their Avro, their JSON, and what can be wrong with them."""
