import type { Migration } from "./migration.ts"

/** A name as it is looked up: the kind, and the value without regard to case (of ASCII letters, as SQLite knows
 * it); one that is not ASCII stands as `*`, and a MAC without its separators. `eventNames` makes the same. */
const name = `each.key || ':' || CASE
    WHEN each.value GLOB '*[^ -~]*' THEN '*'
    WHEN each.key = 'wifi_mac'
      THEN lower(replace(replace(replace(each.value, ':', ''), '-', ''), '.', ''))
    ELSE lower(each.value) END`
const isName = "each.value IS NOT NULL AND each.key <> 'ip'"

export const judging: Migration = {
  version: 4,
  name: "app events by the names of their device",
  sql: `
-- A judgement of one device reads its own events and no others. Kept in step by the table of events itself,
-- so that whoever writes one need not know.
CREATE TABLE app_event_names (
  name TEXT NOT NULL, observed_ms INTEGER NOT NULL, event_seq INTEGER NOT NULL,
  PRIMARY KEY (name, observed_ms, event_seq)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO app_event_names
  SELECT ${name}, event.observed_ms, event.seq
  FROM app_events event, json_each(event.body, '$.device') each WHERE ${isName};
CREATE TRIGGER app_events_named AFTER INSERT ON app_events BEGIN
  INSERT OR IGNORE INTO app_event_names
    SELECT ${name}, NEW.observed_ms, NEW.seq FROM json_each(NEW.body, '$.device') each WHERE ${isName};
END;
CREATE TRIGGER app_events_unnamed AFTER DELETE ON app_events BEGIN
  DELETE FROM app_event_names WHERE (name, observed_ms, event_seq) IN (
    SELECT ${name}, OLD.observed_ms, OLD.seq FROM json_each(OLD.body, '$.device') each WHERE ${isName});
END;
`,
}
