"""Programs that are measured, each a process of its own: `python -m bench.contestants.NAME JOB`.

Those of other stream processors run in environments of their own, with this repository on the path: they import
`schemas`, the fold and `bench.contestants`, and nothing that needs Faust, ClickHouse or aiokafka.
"""
