import type { Migration } from "./migration.ts"

export const sources: Migration = {
  version: 3,
  name: "sources outside: how far each was read, how it does, whom it saw",
  sql: `
-- place: where its reader goes on, its own JSON; health: what record/source-health.ts says.
CREATE TABLE source_states (
  name TEXT PRIMARY KEY, kind TEXT NOT NULL, place TEXT, health TEXT NOT NULL,
  updated_ms INTEGER NOT NULL
) STRICT;

-- A device that says the same in every sweep is stored once; this is when it was last there.
CREATE TABLE inventory_seen (
  source TEXT NOT NULL, tenant TEXT NOT NULL, device_id TEXT NOT NULL, seen_ms INTEGER NOT NULL,
  PRIMARY KEY (source, tenant, device_id)
) STRICT, WITHOUT ROWID;
`,
}
