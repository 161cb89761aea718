/**
 * The transparent ways in, as an operator sets them up: a client, a gateway and an origin in network
 * namespaces of their own, the rule sets and the watch of deploy/ as they are, the real `pinsensor run`.
 */
import { once } from "node:events"
import t, { type Test } from "tap"
import { testCa } from "../support/certificates.ts"
import { addresses, makeNetwork, missing } from "../support/namespaces.ts"
import { startPinsensor } from "../support/pinsensor.ts"
import { holds } from "../support/processes.ts"

const lacking = missing()
if (lacking !== null) {
  t.plan(0, `transparent mode in network namespaces ${lacking}`)
  process.exit()
}

t.setTimeout(60_000)

const kinds = ["redirect", "tproxy"] as const
const ports = { redirect: 8443, tproxy: 8444 }
const wrongPin = `sha256//${"A".repeat(43)}=`

const network = await makeNetwork()
t.teardown(() => network.close())
const originCa = await testCa()
t.teardown(() => originCa.remove())
const issued = await originCa.issue(
  "origin",
  "DNS:*.origin.test,DNS:*.private.test,DNS:*.stranger.test",
)
const origin = network.start("origin", [
  process.execPath,
  new URL("../support/egress-origin.ts", import.meta.url).pathname,
  issued.cert,
  issued.key,
])
origin.stderr?.pipe(process.stderr)
const originServes = Promise.race([
  once(origin.stdout ?? origin, "data"),
  once(origin, "exit").then(() => Promise.reject(new Error("the origin ended"))),
])

/** The names of this file resolve, for the sensor, to the origin; strangers elsewhere. */
const named: Record<string, readonly string[]> = {}
for (const kind of kinds) {
  for (const version of [4, 6]) {
    for (const label of ["trusts", "distrusts", "pins"])
      named[`${label}-${kind}-${version}.origin.test`] = addresses.origin
    named[`${kind}-${version}.private.test`] = addresses.origin
  }
  named[`${kind}.stranger.test`] = ["198.51.100.99"]
}

const sensor = await startPinsensor(
  {
    "origin-ca": originCa.file,
    "allow-client": ["10.77.0.0/24", "fd77::/64"],
    listeners: kinds.map((kind) => ({ name: kind, kind, listen: `[::]:${ports[kind]}` })),
    hosts: named,
    control: { mode: "off" },
    rules: [
      {
        name: "private",
        when: { listener: ["redirect", "tproxy"], sni: ["*.private.test"] },
        do: "splice",
        cause: "private",
      },
    ],
    limits: { "drain-time": "200ms" },
  },
  undefined,
  network.under("gateway"),
)
await originServes
t.teardown(() => sensor.remove())

function curl(name: string, address: string, ...options: string[]) {
  const at = address.includes(":") ? `[${address}]` : address
  const common = ["-sS", "--max-time", "8", "--resolve", `${name}:443:${at}`]
  return network.run("client", ["curl", ...common, ...options, `https://${name}/`])
}

type Exported = Record<string, unknown>
const known: { attempts: Exported[]; flows: Exported[] } = { attempts: [], flows: [] }

/** Exported records, once there are enough of them; what was exported before is asked first. */
async function recorded(
  kind: "attempts" | "flows",
  wanted: (record: Exported) => boolean,
  least: number,
): Promise<Exported[]> {
  const enough = () => known[kind].filter(wanted).length >= least
  const look = async () => {
    known[kind] = await sensor.records(kind)
    return enough()
  }
  if (!enough()) await holds(look, 8_000)
  return known[kind].filter(wanted)
}

const ofName = (name: string) => (record: Exported) => record["sni"] === name

/** What a rule counted. */
async function counted(table: string, counter: string): Promise<number> {
  const { stdout } = await network.nft("list", "counter", "inet", table, counter)
  return Number(/packets (\d+)/.exec(stdout)?.[1] ?? Number.NaN)
}

const goesAround = async () =>
  (await network.nft("list", "set", "inet", "pinsensor", "bypass")).stdout.includes("tcp")

t.test("the network itself works: without rules the client reaches the origin", async (t) => {
  const { stdout, stderr } = await curl(
    "a.origin.test",
    addresses.origin[0],
    "--cacert",
    originCa.file,
  )
  t.equal(stdout, `tls from ${addresses.client[0]}\n`, stderr)
})

for (const kind of kinds) {
  t.test(`${kind}: IPv4 and IPv6 clients are inspected at the origin they dialled`, async (t) => {
    if (kind === "tproxy") await routesUp(t)
    await network.load(`${kind}.nft`)
    const stranger = await curl(`${kind}.stranger.test`, addresses.origin[0], "--cacert", sensor.ca)
    t.equal(stranger.stdout, `tls from ${addresses.uplink[0]}\n`, "resolves elsewhere")
    for (const [index, address] of addresses.origin.entries()) {
      const name = (label: string) => `${label}-${kind}-${index === 0 ? 4 : 6}.origin.test`
      const trusts = await curl(name("trusts"), address, "--cacert", sensor.ca)
      t.equal(trusts.stdout, `tls from ${addresses.uplink[index]}\n`, trusts.stderr)
      t.equal((await curl(name("distrusts"), address)).code, 60, "no trust in our CA")
      const pinned = ["--cacert", sensor.ca, "--pinnedpubkey", wrongPin]
      t.equal((await curl(name("pins"), address, ...pinned)).code, 90, "another key pinned")
    }
    t.equal(await counted("pinsensor", "to_sensor"), 7, "connections that the rules sent here")

    const named = ({ sni }: Exported) => String(sni).endsWith(".origin.test")
    const ours = ({ sni }: Exported) => String(sni).includes(kind)
    const all = await recorded("attempts", ours, 7)
    const attempts = all.filter(named)
    const expected = [4, 6].flatMap((version, index) => {
      const ends = `${addresses.client[index]} ${addresses.origin[index]} 443 direct`
      return [
        `trusts-${kind}-${version}.origin.test accepted  ${ends}`,
        `distrusts-${kind}-${version}.origin.test refused-alert 48 ${ends}`,
        `pins-${kind}-${version}.origin.test refused-after-handshake  ${ends}`,
      ]
    })
    t.strictSame(
      attempts
        .map((attempt) =>
          [
            attempt["sni"],
            attempt["outcome"],
            attempt["alert"],
            attempt["client_ip"],
            attempt["destination_ip"],
            attempt["destination_port"],
            attempt["transport"],
          ].join(" "),
        )
        .sort(),
      expected.sort(),
    )
  })

  t.test(`${kind}: whether the name resolves to the address is recorded`, async (t) => {
    for (const version of [4, 6]) {
      const [agrees] = await recorded(
        "attempts",
        ofName(`trusts-${kind}-${version}.origin.test`),
        1,
      )
      t.match(agrees, { name_agrees: true })
    }
    const [stranger] = await recorded("attempts", ofName(`${kind}.stranger.test`), 1)
    const [destination_ip] = addresses.origin
    t.match(stranger, { outcome: "accepted", name_agrees: false, destination_ip })
  })

  t.test(`${kind}: a splice rule passes the origin's own certificate on`, async (t) => {
    for (const [index, address] of addresses.origin.entries()) {
      const name = `${kind}-${index === 0 ? 4 : 6}.private.test`
      const at = address.includes(":") ? `[${address}]` : address
      const trust = ["-CAfile", originCa.file, "-verify_return_error"]
      const where = ["-connect", `${at}:443`, "-servername", name]
      const { code, stdout, stderr } = await network.run(
        "client",
        ["openssl", "s_client", ...where, ...trust, "-ign_eof", "-quiet"],
        `GET / HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`,
      )
      t.match(stdout, `tls from ${addresses.uplink[index]}\n`, stderr)
      t.equal(code, 0)
    }
    const flows = await recorded("flows", ({ sni }) => String(sni).startsWith(kind), 2)
    t.strictSame(
      flows.map((flow) => [flow["splice_cause"], flow["rule"], flow["destination_ip"]]).sort(),
      addresses.origin.map((address) => ["private", "private", address]).sort(),
    )
  })

  t.test(`${kind}: what is no TLS is passed on, who dials the listener is let go`, async (t) => {
    const [plain] = addresses.plain
    const talk = `exec 3<>/dev/tcp/${plain}/443; echo "hi from ${kind}" >&3; cat <&3`
    const { stdout } = await network.run("client", ["bash", "-c", talk])
    t.equal(stdout, `plain from ${addresses.uplink[0]}: hi from ${kind}\n`)

    const sent = await counted("pinsensor", "to_sensor")
    for (const [index, address] of addresses.never.entries()) {
      const around = await curl("a.origin.test", address, "--cacert", originCa.file)
      t.equal(around.stdout, `tls from ${addresses.client[index]}\n`, "an excepted destination")
    }
    for (const address of addresses.gateway) {
      const direct = `exec 3<>/dev/tcp/${address}/${ports[kind]}; echo hello >&3; cat <&3`
      const { code, stdout } = await network.run("client", ["timeout", "3", "bash", "-c", direct])
      t.not(code, 124, `${address}: closed, not kept`)
      t.equal(stdout, "")
    }
    const told = sensor.log.filter(({ because }) => because === "dialled the listener itself")
    t.equal(told.length, 2 * (kinds.indexOf(kind) + 1), "logged")
    const own = await curl("gateway.test", addresses.gateway[0], "-k")
    t.equal(own.code, 7, "the gateway's own port 443 is its own: nothing listens there")
    t.equal(await counted("pinsensor", "to_sensor"), sent, "nothing came back through the rules")

    const nameless = ({ sni }: Exported) => sni === null
    const attempts = await recorded("attempts", nameless, kinds.indexOf(kind) + 1)
    t.equal(attempts.length, kinds.indexOf(kind) + 1, "no attempt but that without TLS")
    const [client_ip] = addresses.client
    const dialled = { destination_ip: plain, destination_port: 443, client_ip }
    t.match(attempts.at(-1), { outcome: "not-tls", ...dialled })
  })
}

async function routesUp(t: Test): Promise<void> {
  const script = new URL("../../deploy/nftables/tproxy-routes", import.meta.url).pathname
  for (const _ of ["once", "and again, which changes nothing"])
    t.match(await network.run("gateway", [script, "up"]), { code: 0, stderr: "" })
}

/** One datagram to the origin's UDP port 443: what came back within the time (seconds, from when it
 * was sent), or why nothing did. */
async function quic(address: string, within = 5): Promise<string> {
  const say = `exec 3<>/dev/udp/${address}/443; echo initial >&3`
  const talk = `${say}; timeout ${within} head -n 1 <&3`
  const { code, stdout, stderr } = await network.run("client", ["bash", "-c", talk])
  return code === 124 ? "silence" : /Connection refused/.test(stderr) ? "refused" : stdout.trim()
}

const quicRules = [
  ["quic-drop.nft", () => "silence"],
  ["quic-reject.nft", () => "refused"],
  ["quic-log.nft", (client: string) => `udp from ${client}`],
] as const

t.test("QUIC goes past the sensor without a rule set of its own", async (t) => {
  t.equal(await quic(addresses.origin[0]), `udp from ${addresses.client[0]}`)
})

for (const [rules, expected] of quicRules)
  t.test(`${rules} does to QUIC what it says, and counts it`, async (t) => {
    await network.load(rules)
    for (const [index, address] of addresses.origin.entries()) {
      const client = addresses.client[index] ?? ""
      const answer = expected(client)
      t.equal(await quic(address, answer === "silence" ? 0.4 : 5), answer)
      const tried = await network.nft(
        "list",
        "set",
        "inet",
        "pinsensor_quic",
        `tried_${index === 0 ? 4 : 6}`,
      )
      t.match(tried.stdout, `${client} . ${address} counter packets 1 `)
    }
    t.equal(await counted("pinsensor_quic", "quic"), 2)
  })

const around = async (index: 0 | 1) =>
  (await curl("a.origin.test", addresses.origin[index], "--cacert", originCa.file)).stdout

t.test("fails closed: without the watch a dead sensor's connections are refused", async (t) => {
  await sensor.kill()
  for (const kind of kinds) {
    await network.load(`${kind}.nft`)
    for (const index of [0, 1] as const) {
      const { code } = await curl("a.origin.test", addresses.origin[index], "-k")
      t.equal(code, 7, `${kind}: refused at once`)
    }
  }
  t.equal(await counted("pinsensor", "sensor_down"), 2)
})

t.test(
  "fails open: with the watch, traffic goes around a dead sensor uninspected, and back",
  async (t) => {
    const watch = new URL("../../deploy/health/pinsensor-failopen", import.meta.url).pathname
    const listeners = Object.values(ports).flatMap((port) => [`127.0.0.1 ${port}`, `::1 ${port}`])
    network.start("gateway", [watch], {
      PORTS: listeners.join(", "),
      EVERY: "0.1",
      TIMEOUT: "0.5",
      FAIL_AFTER: "2",
      RECOVER_AFTER: "2",
    })
    for (const kind of kinds) {
      // Loading empties the set; the watch puts it right.
      await network.load(`${kind}.nft`)
      t.ok(await holds(goesAround, 5_000), `${kind}: goes around`)
      for (const index of [0, 1] as const)
        t.equal(await around(index), `tls from ${addresses.client[index]}\n`, "the client itself")
    }
    t.equal(await counted("pinsensor", "around_sensor"), 2)

    const name = "a.origin.test"
    const connect = ["-connect", `${addresses.origin[0]}:443`, "-servername", name]
    const long = network.start("client", ["openssl", "s_client", "-quiet", "-ign_eof", ...connect])
    let heard = ""
    long.stdout?.on("data", (text) => {
      heard += text
    })
    t.ok(await holds(async () => (await counted("pinsensor", "around_sensor")) === 3, 5_000))
    await sensor.restart()
    t.ok(await holds(async () => !(await goesAround()), 5_000), "the sensor answers again")
    const inspected = await curl(
      "trusts-tproxy-4.origin.test",
      addresses.origin[0],
      "--cacert",
      sensor.ca,
    )
    t.equal(inspected.stdout, `tls from ${addresses.uplink[0]}\n`, inspected.stderr)
    long.stdin?.write(`GET / HTTP/1.1\r\nHost: ${name}\r\n\r\n`)
    await holds(() => heard.includes("\n"), 5_000)
    t.match(heard, `tls from ${addresses.client[0]}\n`, "what went around stays there")
  },
)

t.test("fails open: a sensor that hangs with its port open counts as dead", async (t) => {
  process.kill(-sensor.pid, "SIGSTOP")
  t.ok(await holds(goesAround, 8_000), "goes around")
  t.equal(await around(0), `tls from ${addresses.client[0]}\n`)
  process.kill(-sensor.pid, "SIGCONT")
  t.ok(await holds(async () => !(await goesAround()), 8_000), "and back")
})
