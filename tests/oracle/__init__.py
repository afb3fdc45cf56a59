"""The rules of the fold a second time, written to be read and not to be fast: what the product is held equal to.

    facts = oracle.facts_of(events, Policies(yaml_text), as_of_ms)

It looks at a conversation as a whole (`moments`, then `episodes`) and works every fact out of that (`metrics`, `sla`),
where the product takes one event at a time. It shares nothing with `streams/`: records are those of
`schemas.records`, and the policies are what the YAML says.
"""
