import type { Migration } from "./migration.ts"

export const rewalks: Migration = {
  version: 10,
  name: "devices whose past is to be judged again",
  sql: `
-- Written in the commit that moves the cursor over what came late; taken out when the past was walked.
CREATE TABLE rewalks (device_id TEXT PRIMARY KEY, since_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`,
}
