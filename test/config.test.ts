import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import t from "tap"
import { parse } from "yaml"
import { Config, listenersOf, loadConfig, sensorConfigId } from "../src/config.ts"
import { endpoint, endpointText } from "../src/intercept/listeners.ts"

const folder = mkdtempSync(join(tmpdir(), "pinsensor-config-"))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const written = (text: string) => {
  const file = join(folder, "pinsensor.yaml")
  writeFileSync(file, text)
  return file
}
const example = /```yaml\n([\s\S]*?)```/.exec(
  readFileSync(new URL("../docs/configuration.md", import.meta.url), "utf8"),
)?.[1]

t.test("the example of the documentation loads and names every key", (t) => {
  const file = written(example ?? "")
  const config = loadConfig(file)
  t.equal(config.workers, 4)
  t.equal(config.control.bytes, 50 * 1024 ** 2)
  t.strictSame(Object.keys(Config.shape).sort(), Object.keys(parse(example ?? "")).sort())
  t.end()
})

t.test("without a file everything has its default and nothing can be changed", (t) => {
  const config = loadConfig(null)
  t.equal(config.listen, "127.0.0.1:8080")
  t.equal(config.control.mode, "trial")
  t.throws(() => Object.assign(config.limits, { connections: 1 }), TypeError)
  t.end()
})

t.test("flags lie over the file, and their rules come first", (t) => {
  const file = written(
    "workers: 3\nrules: [{ name: own, do: block }]\ncontrol: { splice-for: 1m }\n",
  )
  const rule = { name: "flag", when: { sni: ["a.example"] }, do: "splice" as const }
  const config = loadConfig(file, { workers: 2, rules: [rule], control: { mode: "off" } })
  t.equal(config.workers, 2)
  t.strictSame(
    config.rules.map(({ name }) => name),
    ["flag", "own"],
  )
  t.match(config.control, { mode: "off", "splice-for": 60_000 })
  t.end()
})

t.test("the explicit proxy is one listener among others, and may be left out", (t) => {
  const file = written(
    "listeners: [{ name: wifi, kind: tproxy, listen: '0.0.0.0:8443' }, { name: lb, kind: explicit, listen: '0.0.0.0:0' }]\n",
  )
  const names = (config: Config) => listenersOf(config).map(({ name, kind }) => `${name} ${kind}`)
  t.strictSame(names(loadConfig(file)), ["explicit explicit", "wifi tproxy", "lb explicit"])
  t.strictSame(names(loadConfig(file, { listen: null })), ["wifi tproxy", "lb explicit"])
  t.end()
})

const faults: Record<string, [text: string, names: RegExp]> = {
  "an unknown key": ["listn: 127.0.0.1:1\n", /listn/],
  "a wrong value, with its place": ["control: { mode: sometimes }\n", /control\.mode/],
  "a list that is not shipped, without hosts": [
    "lists: { appel: { do: inspect } }\n",
    /"appel" has no hosts[\s\S]*captive-portal, apple[\s\S]*lists\.appel/,
  ],
  "a network that is none": ["allow-client: [10.0.0.0/40]\n", /allow-client/],
  "a listener without port": ["listen: localhost\n", /HOST:PORT/],
  "a port that is none": ["listen: localhost:65536\n", /65535/],
  "no way in at all": ["listen: null\n", /null needs at least one of listeners/],
  "a listener that has the explicit one's name": [
    "listeners: [{ name: explicit, kind: redirect, listen: '0.0.0.0:1' }]\n",
    /is the listener of listen/,
  ],
  "a listener on the explicit one's port": [
    "listen: 0.0.0.0:1\nlisteners: [{ name: a, kind: redirect, listen: '0.0.0.0:1' }]\n",
    /0.0.0.0:1 is taken by listen/,
  ],
  "two listeners of one name": [
    "listeners: [{ name: a, kind: redirect, listen: 'a:1' }, { name: a, kind: tproxy, listen: 'a:2' }]\n",
    /"a" is taken/,
  ],
  "two listeners on one port": [
    "listeners: [{ name: a, kind: redirect, listen: 'a:1' }, { name: b, kind: tproxy, listen: 'a:1' }]\n",
    /a:1 is taken/,
  ],
  "a relayed listener without relays": [
    "listeners: [{ name: a, kind: relayed, listen: 'a:1' }]\n",
    /needs the addresses of its relays/,
  ],
  "half a CA": ["ca: { cert: a.pem }\n", /cert and key go together/],
  "a file that says nothing": [
    "# as an editor leaves it while it writes\n",
    /says nothing; write \{\}/,
  ],
  "text that is no YAML": ["a: [1\n", /neither YAML nor JSON/],
  "a list instead of keys": ["- a\n", /keys and values/],
}
for (const [name, [text, names]] of Object.entries(faults))
  t.test(`refused with a word about it: ${name}`, (t) => {
    t.throws(() => loadConfig(written(text)), { message: names })
    t.end()
  })

t.test("a file that is not there is named", (t) => {
  t.throws(() => loadConfig(join(folder, "none.yaml")), { message: /none\.yaml cannot be read/ })
  t.end()
})

t.test("an endpoint may be an IPv6 address in brackets", (t) => {
  t.strictSame(endpoint("[::1]:8080"), { host: "::1", port: 8080 })
  t.strictSame(endpoint("sensor.example:1"), { host: "sensor.example", port: 1 })
  t.equal(endpointText(endpoint("[::1]:8080")), "[::1]:8080")
  t.end()
})

t.test("what clients are shown and how they are judged names the sensor configuration", (t) => {
  const config = loadConfig(null)
  const other = loadConfig(written("fast-window: { max: 3s }\n"))
  const same = loadConfig(written("workers: 7\n"))
  t.equal(sensorConfigId(config, null), sensorConfigId(same, null))
  t.not(sensorConfigId(config, null), sensorConfigId(other, null))
  t.not(sensorConfigId(config, null), sensorConfigId(config, "another root"))
  t.end()
})
