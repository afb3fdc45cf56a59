"""The records that travel through the pipeline: their types, their two forms, and what can be wrong with them."""

import speedups

speedups.install_finder()
