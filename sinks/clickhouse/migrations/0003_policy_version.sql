-- Which version of the policies gave a fact its outcome, deadline or business time. Null: none did, or the fact was
-- landed by a release that did not say. A view keeps the columns that it was made with, so `facts` is made again.
ALTER TABLE metric_facts ADD COLUMN IF NOT EXISTS policy_version LowCardinality(Nullable(String));

CREATE OR REPLACE VIEW facts AS
SELECT * FROM metric_facts FINAL WHERE NOT retracted;
