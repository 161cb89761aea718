/** Mapping files: what is shipped is good, and what is wrong is named with its line. */
import { readdirSync } from "node:fs"
import t from "tap"
import { parseMapping, readMappingFile } from "../../../../src/identity/mdm/mapped/mapping-file.ts"
import { needsOf } from "../../../../src/identity/mdm/mapped/needs.ts"

const folder = new URL("../../../../deploy/mdm/", import.meta.url).pathname

const good = `mapping: example
version: 1
api: Example API 1
reviewed-by: the test
reviewed-at: 2026-11-21
auth: { kind: bearer, token: { secret: token } }
list:
  path: /devices
  rows: /data
  paging: { kind: none }
device:
  id: /id
  platform: { at: /os, table: { iOS: ios } }
posture:
  managed: /managed
`

t.test("every shipped mapping is one, and says who reviewed it for which API", (t) => {
  const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"))
  t.ok(files.length >= 3)
  for (const name of files) {
    const { mapping, sha256 } = readMappingFile("sources.mdm x.mapping", `${folder}${name}`)
    t.equal(`${mapping.mapping}.yaml`, name)
    t.match(sha256, /^[0-9a-f]{64}$/)
    t.ok(needsOf(mapping).secrets.length > 0, "it names its credentials and holds none")
  }
  t.end()
})

t.test("a fault is told with line, field and what to do", (t) => {
  t.equal(parseMapping(good, "test").mapping, "example")
  const rows: [string, string, string, RegExp][] = [
    [
      "an unknown key",
      "  rows: /data",
      "  rows: /data\n  rowz: /x",
      /line 8, list: Unrecognized key: "rowz"/,
    ],
    [
      "no pointer",
      "  id: /id",
      "  id: id",
      /line 12, device\.id\.at\.0: "id" is not a JSON pointer: write/,
    ],
    [
      "a word that is none",
      "{ iOS: ios }",
      "{ iOS: iphone }",
      /line 13, device\.platform: .*android, ios/,
    ],
    [
      "a text for a boolean",
      "/managed",
      "{ at: /managed, table: { a: yes it is } }",
      /line 15, posture\.managed: .*true, false/,
    ],
    ["a missing key", "  path: /devices\n", "", /line 8, list\.path: /],
    [
      "a path off the host",
      "/devices",
      "//evil.example/x",
      /line 8, list\.path: .*begins with one \//,
    ],
    ["a path with steps up", "/devices", "/a/../b", /list\.path: has \. or \.\. in it/],
    ["a URL as path", "/devices", "https://evil.example/", /list\.path: /],
    ["a brace alone", "/devices", "/devices/{id", /list\.path: has a brace that holds no name/],
    [
      "a secret in the file",
      "{ secret: token }",
      "abc",
      /line 6, auth\.token: needs one of: text, value, secret/,
    ],
    ["an unknown paging", "{ kind: none }", "{ kind: magic }", /line 10, list\.paging/],
    [
      "a rule without a place",
      "  managed: /managed",
      "  managed: { table: {} }",
      /needs one of: at, concat, value/,
    ],
    ["no YAML", "device:", "device: [", /line \d+, column \d+: /],
    [
      "an alias",
      "  id: /id",
      "  id: &a /id\n  model: *a",
      /has aliases .*write out what they stand for/,
    ],
    [
      "a key twice",
      "version: 1",
      "version: 1\nversion: 2",
      /line 3, column 1: Map keys must be unique/,
    ],
    [
      "changes without a time",
      "  paging: { kind: none }",
      "  paging: { kind: none }\n  changed-since: { parameter: since, as: rfc3339 }",
      /list\.changed-since: needs device\.seen/,
    ],
  ]
  for (const [what, from, to, message] of rows)
    t.throws(() => parseMapping(good.replace(from, to), "mapping.yaml"), { message }, what)
  t.end()
})

t.test("what a mapping leaves open is known before anything is asked", (t) => {
  const open = good
    .replace("path: /devices", "path: /{customer}/devices\n  query: { group: { value: group } }")
    .replace("auth:", "headers: { x-key: { secret: key } }\nauth:")
  t.strictSame(needsOf(parseMapping(open, "test")), {
    secrets: ["key", "token"],
    values: ["group", "customer"],
  })
  t.end()
})
