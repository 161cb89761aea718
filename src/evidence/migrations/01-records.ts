import type { Migration } from "./migration.ts"

export const records: Migration = {
  version: 1,
  name: "records, register, outbox, cursors",
  sql: `
CREATE TABLE attempts (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, observed_ms INTEGER NOT NULL,
  client_ip TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX attempts_by_client ON attempts (client_ip, observed_ms);
CREATE INDEX attempts_by_time ON attempts (observed_ms);

CREATE TABLE flows (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, observed_ms INTEGER NOT NULL,
  client_ip TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX flows_by_client ON flows (client_ip, observed_ms);
CREATE INDEX flows_by_time ON flows (observed_ms);

CREATE TABLE app_events (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, observed_ms INTEGER NOT NULL,
  tenant TEXT NOT NULL, source TEXT NOT NULL, event_id TEXT NOT NULL, body TEXT NOT NULL,
  UNIQUE (tenant, source, event_id)
) STRICT;
CREATE INDEX app_events_by_time ON app_events (observed_ms);

CREATE TABLE devices (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, observed_ms INTEGER NOT NULL,
  tenant TEXT NOT NULL, device_id TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX devices_by_device ON devices (device_id, observed_ms, tenant);

CREATE TABLE postures (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, observed_ms INTEGER NOT NULL,
  tenant TEXT NOT NULL, device_id TEXT NOT NULL, profile TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX postures_by_device ON postures (device_id, observed_ms, tenant, profile);

CREATE TABLE apps (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, observed_ms INTEGER NOT NULL,
  tenant TEXT NOT NULL, app_id TEXT NOT NULL, platform TEXT NOT NULL, signer_sha256 TEXT,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX apps_by_app ON apps (app_id, observed_ms, tenant, platform, signer_sha256);

CREATE TABLE bindings (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, observed_ms INTEGER NOT NULL,
  address TEXT NOT NULL, valid_from_ms INTEGER NOT NULL, valid_to_ms INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX bindings_by_address ON bindings (address, valid_from_ms);
CREATE INDEX bindings_by_end ON bindings (valid_to_ms, valid_from_ms);

CREATE TABLE findings (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, observed_ms INTEGER NOT NULL,
  revision INTEGER NOT NULL, body TEXT NOT NULL
) STRICT;

CREATE TABLE incidents (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, observed_ms INTEGER NOT NULL,
  revision INTEGER NOT NULL, body TEXT NOT NULL
) STRICT;

CREATE TABLE alerts (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, observed_ms INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT;

CREATE TABLE register (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, observed_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX register_by_expiry ON register (expires_ms);

CREATE TABLE register_audit (
  seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, who TEXT NOT NULL, entry_id TEXT NOT NULL,
  what TEXT NOT NULL CHECK (what IN ('added', 'changed', 'removed')), reason TEXT,
  before TEXT, after TEXT
) STRICT;

CREATE TABLE register_hits (
  seq INTEGER PRIMARY KEY, entry_id TEXT NOT NULL, at_ms INTEGER NOT NULL,
  event TEXT NOT NULL CHECK (event IN ('open', 'close')), sensor_id TEXT NOT NULL,
  connection_id TEXT NOT NULL, bytes INTEGER NOT NULL,
  UNIQUE (connection_id, entry_id, event, sensor_id)
) STRICT;

CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY, alert_id TEXT NOT NULL REFERENCES alerts (id), sink TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'dead')), attempts INTEGER NOT NULL,
  next_ms INTEGER NOT NULL, created_ms INTEGER NOT NULL, sent_ms INTEGER, last_error TEXT,
  UNIQUE (alert_id, sink)
) STRICT;
CREATE INDEX outbox_by_state ON outbox (sink, state);

CREATE TABLE alert_states (
  incident_id TEXT PRIMARY KEY, revisit_ms INTEGER, body TEXT NOT NULL
) STRICT;
CREATE INDEX alert_states_by_revisit ON alert_states (revisit_ms);

CREATE TABLE cursors (name TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT;

CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
INSERT INTO meta VALUES ('register_revision', 0);
`,
}
