/** `pinsensor policy test` answers as the sensor of the same configuration acts. */
import { readFileSync } from "node:fs"
import net from "node:net"
import { join } from "node:path"
import tls from "node:tls"
import t from "tap"
import { answerTo } from "../../src/cli/policy/answer.ts"
import { readQuestion } from "../../src/cli/policy/question.ts"
import { withStore } from "../../src/cli/with-store.ts"
import { openStore } from "../../src/evidence/open.ts"
import { Device } from "../../src/record/device.ts"
import { registerEntry, ten } from "../evidence/fixtures.ts"
import { testCa } from "../support/certificates.ts"
import { httpsOrigin } from "../support/https-origin.ts"
import { startPinsensor } from "../support/pinsensor.ts"
import { holds } from "../support/processes.ts"

const soon = 15_000
t.setTimeout(60_000)

const publicCa = await testCa()
const names = ["pinned", "closed", "clinic", "held", "phone", "www"].map(
  (name) => `${name}.x.example`,
)
const origin = await httpsOrigin(publicCa, names)
const sensor = await startPinsensor({
  tenant: "acme",
  site: "hq",
  hosts: Object.fromEntries(names.map((name) => [name, ["127.0.0.1"]])),
  "allow-destination": ["127.0.0.0/8"],
  "allow-client": ["127.0.0.0/24"],
  "origin-ca": publicCa.file,
  rules: [
    { name: "pass", when: { sni: ["pinned.x.example"] }, do: "splice" },
    { name: "close", when: { sni: ["closed.x.example"] }, do: "block" },
    {
      name: "phones",
      when: { "device-group": ["phones"], sni: ["phone.x.example"] },
      do: "splice",
    },
    { name: "elsewhere", when: { destination: ["127.0.0.9/32"] }, do: "block" },
  ],
  lists: { clinics: { do: "splice", hosts: ["clinic.x.example"] } },
})
t.teardown(() => Promise.all([sensor.remove(), publicCa.remove(), origin.close()]))
const data = join(sensor.folder, "var")
const store = openStore(data)
t.teardown(() => store.close())
store.putRegister([registerEntry("b-held", "held.x.example", null)], "test", ten)
const common = { tenant: "acme", site: "hq", sensor_id: "test", v: 1 } as const
const since = new Date(Date.now() - 60_000).toISOString()
const phone = (device_id: string, ownership: string) =>
  Device.parse({
    ...common,
    id: `device-${device_id}`,
    observed_at: since,
    device_id,
    platform: "android",
    groups: ["phones"],
    ownership,
  })
store.append("devices", [phone("d-1", "company"), phone("d-2", "personal")])
const bindingOf = (device_id: string, address: string) => ({
  ...common,
  id: `binding-${device_id}`,
  observed_at: since,
  realm: null,
  address,
  valid_from: since,
  valid_to: null,
  device_id,
  source: "vpn",
  confidence: 0.9,
  shared: false,
  names: null,
  flags: [],
})
store.append("bindings", [
  bindingOf("d-1", "127.0.0.7") as never,
  bindingOf("d-2", "127.0.0.8") as never,
])

interface Row {
  from?: string
  connect: string
  sni: string
  does: string
  by: string
}
const rows: Record<string, Row> = {
  "a rule that splices": {
    connect: names[0] ?? "",
    sni: "pinned.x.example",
    does: "splice",
    by: "pass",
  },
  "a rule that splices, and the address is named": {
    connect: "127.0.0.1",
    sni: "pinned.x.example",
    does: "splice",
    by: "pass",
  },
  "a name that does not agree with the address": {
    connect: "127.0.0.2",
    sni: "pinned.x.example",
    does: "inspect",
    by: "name-disagrees",
  },
  "a name that is not the one of CONNECT": {
    connect: "www.x.example",
    sni: "pinned.x.example",
    does: "inspect",
    by: "name-disagrees",
  },
  "a block by the host of CONNECT": {
    connect: "closed.x.example",
    sni: "www.x.example",
    does: "block",
    by: "close",
  },
  "a block by the destination": {
    connect: "127.0.0.9",
    sni: "www.x.example",
    does: "block",
    by: "elsewhere",
  },
  "a list": {
    connect: "clinic.x.example",
    sni: "clinic.x.example",
    does: "splice",
    by: "list:clinics",
  },
  "an entry of the register": {
    connect: "held.x.example",
    sni: "held.x.example",
    does: "splice",
    by: "b-held",
  },
  "a rule about the group of a bound device": {
    from: "127.0.0.7",
    connect: "phone.x.example",
    sni: "phone.x.example",
    does: "splice",
    by: "phones",
  },
  "the same from an address that is not bound": {
    connect: "phone.x.example",
    sni: "phone.x.example",
    does: "inspect",
    by: "default",
  },
  "a person's own device": {
    from: "127.0.0.8",
    connect: "www.x.example",
    sni: "www.x.example",
    does: "splice",
    by: "personal-device",
  },
  "a rule about the group of a person's own device": {
    from: "127.0.0.8",
    connect: "phone.x.example",
    sni: "phone.x.example",
    does: "splice",
    by: "phones",
  },
  "nothing at all": {
    connect: "www.x.example",
    sni: "www.x.example",
    does: "inspect",
    by: "default",
  },
  "the guard": { connect: "169.254.169.254", sni: "www.x.example", does: "refuse", by: "guard" },
  "a client that is not served": {
    from: "127.0.1.7",
    connect: "www.x.example",
    sni: "www.x.example",
    does: "refuse",
    by: "allow-client",
  },
}

t.ok(await holds(() => sensor.log.some(({ entries }) => entries === 1), soon), "it has the entry")
for (const [name, { from = "127.0.0.1", connect, sni, does, by }] of Object.entries(rows))
  t.test(`what is said is what is done: ${name}`, async (t) => {
    const args = `--client ${from} --connect-host ${connect} --sni ${sni} --port ${origin.port}`
    const flags = [
      ...args.split(" "),
      "--resolve",
      "--config",
      join(sensor.folder, "pinsensor.yaml"),
    ]
    const { question, config } = readQuestion(flags, Date.now())
    const said = await withStore(config.data, (store) => answerTo(question, config, store))
    t.match(said, { do: does, by })
    const { port, answered } = await visit(from, connect, sni)
    if (does === "refuse") return t.notOk(answered)
    const record = () =>
      [...store.all("attempts"), ...store.all("flows")].find((one) => one.client_port === port)
    t.ok(await holds(() => record() !== undefined, soon))
    t.match(record(), { decision: does, rule: by })
    if (does === "splice") t.strictSame(said.dials?.addresses, [record()?.destination_ip])
  })

/** Opens a tunnel and says hello in it; `answered`: CONNECT was. */
function visit(localAddress: string, connect: string, sni: string) {
  const [host, port] = sensor.proxy.split(":")
  const ca = [readFileSync(sensor.ca, "utf8"), readFileSync(publicCa.file, "utf8")]
  return new Promise<{ port: number; answered: boolean }>((resolve) => {
    let [answered, own] = [false, 0]
    const socket = net.connect({ host, port: Number(port), localAddress })
    socket.on("error", () => {}).on("close", () => resolve({ port: own, answered }))
    socket.on("connect", () => {
      own = socket.localPort ?? 0
      socket.write(`CONNECT ${connect}:${origin.port} HTTP/1.1\r\nHost: ${connect}\r\n\r\n`)
    })
    socket.once("data", (answer) => {
      answered = answer.includes(" 200 ")
      if (!answered) return socket.destroy()
      const secure = tls.connect({ socket, servername: sni, ca })
      secure.on("error", () => socket.destroy())
      secure.on("secureConnect", () => secure.end())
    })
  })
}
