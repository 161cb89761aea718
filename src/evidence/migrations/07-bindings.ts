import type { Migration } from "./migration.ts"

/** A name of a device as it is compared: identifiers without regard to case, MACs as digits alone.
 * The same text in the index and in the question, or the index is of no use. */
export const deviceNameColumns = {
  mdm_id: "lower(json_extract(body, '$.mdm_id'))",
  serial: "lower(json_extract(body, '$.serial'))",
  udid: "lower(json_extract(body, '$.udid'))",
  imei: "lower(json_extract(body, '$.imei'))",
  wifi_mac:
    "replace(replace(replace(lower(json_extract(body, '$.wifi_mac')), ':', ''), '-', ''), '.', '')",
  user: "lower(json_extract(body, '$.user'))",
} as const

const indexes = Object.entries(deviceNameColumns)
  .map(([name, column]) => `CREATE INDEX devices_by_${name} ON devices (${column});`)
  .join("\n")

export const bindings: Migration = {
  version: 7,
  name: "bindings by names, and the devices that have a name",
  sql: `
-- Those of before have no names and no flags.
UPDATE bindings SET body = json_set(body, '$.names', NULL, '$.flags', json('[]'))
  WHERE json_type(body, '$.flags') IS NULL;
${indexes}
`,
}
