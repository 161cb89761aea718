import type { Migration } from "./migration.ts"

export const governedRegister: Migration = {
  version: 2,
  name: "governed register: use beside entries, an audit that only grows, drift",
  sql: `
-- Use is no part of an entry: it moves with every connection.
ALTER TABLE register ADD COLUMN hits INTEGER NOT NULL DEFAULT 0;
ALTER TABLE register ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE register ADD COLUMN first_hit_ms INTEGER;
ALTER TABLE register ADD COLUMN last_hit_ms INTEGER;
-- Whether workers decide by it: made here, and no mere proposal.
ALTER TABLE register ADD COLUMN decides INTEGER NOT NULL DEFAULT 1;

-- The same rows; more acts, the chain of hashes, and nothing may be altered or taken out.
CREATE TABLE register_audit_2 (
  seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, who TEXT NOT NULL, entry_id TEXT NOT NULL,
  what TEXT NOT NULL CHECK (what IN
    ('added', 'changed', 'removed', 'reviewed', 'renewed', 'accepted', 'rejected')),
  reason TEXT, before TEXT, after TEXT, hits INTEGER, bytes INTEGER, last_hit_ms INTEGER,
  hash TEXT
) STRICT;
INSERT INTO register_audit_2 (seq, at_ms, who, entry_id, what, reason, before, after)
  SELECT seq, at_ms, who, entry_id, what, reason, before, after FROM register_audit;
INSERT INTO meta SELECT 'register_audit_before_chain', coalesce(max(seq), 0) FROM register_audit;
DROP TABLE register_audit;
ALTER TABLE register_audit_2 RENAME TO register_audit;
CREATE INDEX register_audit_by_entry ON register_audit (entry_id, seq);
CREATE TRIGGER register_audit_stays BEFORE UPDATE ON register_audit
  BEGIN SELECT RAISE(ABORT, 'the audit of the register only grows'); END;
CREATE TRIGGER register_audit_keeps BEFORE DELETE ON register_audit
  BEGIN SELECT RAISE(ABORT, 'the audit of the register only grows'); END;

CREATE TABLE drifts (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, observed_ms INTEGER NOT NULL,
  entry_id TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX drifts_by_entry ON drifts (entry_id, observed_ms);

-- What flows through a bypass, summed up: its body belongs to the watch over bypasses.
CREATE TABLE bypass_profiles (
  entry_id TEXT PRIMARY KEY, updated_ms INTEGER NOT NULL, body TEXT NOT NULL
) STRICT;
`,
}
