import type { Migration } from "./migration.ts"

export const coverage: Migration = {
  version: 9,
  name: "coverage: connections counted by hour, when devices were heard of, what was accepted",
  sql: `
-- words: analytics/coverage-counts.ts.
CREATE TABLE coverage_counts (
  tenant TEXT NOT NULL, hour_ms INTEGER NOT NULL, word TEXT NOT NULL,
  connections INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (tenant, hour_ms, word)
) STRICT, WITHOUT ROWID;

CREATE TABLE device_activity (
  tenant TEXT NOT NULL, device_id TEXT NOT NULL, traffic_ms INTEGER, event_ms INTEGER,
  PRIMARY KEY (tenant, device_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE coverage_acceptances (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, observed_ms INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE TRIGGER coverage_acceptances_stay BEFORE UPDATE ON coverage_acceptances
  BEGIN SELECT RAISE(ABORT, 'acceptances of coverage only grow'); END;
CREATE TRIGGER coverage_acceptances_keep BEFORE DELETE ON coverage_acceptances
  BEGIN SELECT RAISE(ABORT, 'acceptances of coverage only grow'); END;
`,
}
