import type { Migration } from "./migration.ts"

export const baselines: Migration = {
  version: 6,
  name: "baselines: what persons said of them, and what was seen of apps at destinations",
  sql: `
CREATE TABLE baseline_changes (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, observed_ms INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE TRIGGER baseline_changes_stay BEFORE UPDATE ON baseline_changes
  BEGIN SELECT RAISE(ABORT, 'statements on the baseline only grow'); END;
CREATE TRIGGER baseline_changes_keep BEFORE DELETE ON baseline_changes
  BEGIN SELECT RAISE(ABORT, 'statements on the baseline only grow'); END;

-- Facts summed up: its body is record/pair-profile.ts.
CREATE TABLE pair_profiles (
  tenant TEXT NOT NULL, app_id TEXT NOT NULL, destination TEXT NOT NULL, last_ms INTEGER NOT NULL,
  body TEXT NOT NULL, PRIMARY KEY (tenant, app_id, destination)
) STRICT, WITHOUT ROWID;
CREATE INDEX pair_profiles_by_last ON pair_profiles (last_ms);
`,
}
