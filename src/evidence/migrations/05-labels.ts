import type { Migration } from "./migration.ts"

export const labels: Migration = {
  version: 5,
  name: "labels, which only grow; the budget of alerts a day",
  sql: `
-- entered_by: who brought the statement in here (the body says who made it); hash: see labels.ts.
CREATE TABLE labels (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, observed_ms INTEGER NOT NULL,
  entered_by TEXT NOT NULL, hash TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE TRIGGER labels_stay BEFORE UPDATE ON labels
  BEGIN SELECT RAISE(ABORT, 'labels only grow'); END;
CREATE TRIGGER labels_keep BEFORE DELETE ON labels
  BEGIN SELECT RAISE(ABORT, 'labels only grow'); END;
INSERT INTO meta VALUES ('labels_written', 0);

-- How much of the day's budget each tenant has spent: its body belongs to alerting.
CREATE TABLE alert_budgets (tenant TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
`,
}
