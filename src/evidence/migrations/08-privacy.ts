import type { Migration } from "./migration.ts"

/** Tables that only grow, but for what an erasure takes out of them (docs/privacy.md). */
const guarded = [
  ["register_audit", "register_audit_stays", "the audit of the register only grows"],
  ["labels", "labels_stay", "labels only grow"],
  ["baseline_changes", "baseline_changes_stay", "statements on the baseline only grow"],
] as const

const triggers = guarded
  .map(
    ([table, trigger, words]) => `DROP TRIGGER ${trigger};
CREATE TRIGGER ${trigger} BEFORE UPDATE ON ${table}
  WHEN NOT EXISTS (SELECT 1 FROM meta WHERE name = 'erasing')
  BEGIN SELECT RAISE(ABORT, '${words}'); END;`,
  )
  .join("\n")

export const privacy: Migration = {
  version: 8,
  name: "privacy: whose a device is, and what was erased",
  sql: `
UPDATE devices SET body = json_set(body, '$.ownership', 'unknown')
  WHERE json_type(body, '$.ownership') IS NULL;
-- Asked of each change of the store by each worker, and empty where there are none.
CREATE INDEX devices_personal ON devices (tenant, device_id)
  WHERE json_extract(body, '$.ownership') = 'personal';

-- One row for each device that was erased: who asked, why, what went. Its names are nowhere but as hashes.
CREATE TABLE erasures (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at_ms INTEGER NOT NULL, tenant TEXT NOT NULL,
  device TEXT NOT NULL, done INTEGER NOT NULL, returns INTEGER NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX erasures_by_device ON erasures (tenant, device);
CREATE TABLE erased_names (
  hash TEXT NOT NULL, erasure_id TEXT NOT NULL, PRIMARY KEY (hash, erasure_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE salts (name TEXT PRIMARY KEY, salt TEXT NOT NULL) STRICT;
-- A row of a chain that no longer is what was written: by which erasure, and what it is now.
CREATE TABLE redactions (
  kind TEXT NOT NULL, row_id TEXT NOT NULL, erasure_id TEXT NOT NULL, now_sha256 TEXT NOT NULL,
  PRIMARY KEY (kind, row_id)
) STRICT, WITHOUT ROWID;
-- Who looked up what a pseudonym stands for.
CREATE TABLE reveals (
  seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL,
  pseudonym TEXT NOT NULL, found INTEGER NOT NULL
) STRICT;
CREATE TRIGGER reveals_stay BEFORE UPDATE ON reveals
  BEGIN SELECT RAISE(ABORT, 'notes of what was revealed only grow'); END;
CREATE TRIGGER reveals_keep BEFORE DELETE ON reveals
  BEGIN SELECT RAISE(ABORT, 'notes of what was revealed only grow'); END;
${triggers}
`,
}
