/** The verb `policy`: what it prints, and what it says of questions that cannot be answered. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import t, { type Test } from "tap"
import { policy } from "../../src/cli/policy.ts"
import { openStore } from "../../src/evidence/open.ts"
import { newDir, registerEntry, ten } from "../evidence/fixtures.ts"

/** What it wrote on stdout and stderr, and its exit code. */
async function asked(t: Test, args: readonly string[]) {
  const out = t.capture(process.stdout, "write", () => true)
  const error = t.capture(process.stderr, "write", () => true)
  try {
    await policy(args)
  } finally {
    out.restore()
    error.restore()
  }
  const written = (of: typeof out) =>
    of()
      .map(({ args: [text] }) => String(text))
      .join("")
  const code = process.exitCode ?? 0
  process.exitCode = 0
  return { out: written(out), error: written(error), code }
}

function configured(t: Test) {
  const dir = newDir(t)
  const file = join(dir, "p.yaml")
  const config = {
    tenant: "acme",
    data: join(dir, "var"),
    ca: { dir },
    hosts: { "push.example": ["192.0.2.9"] },
    listeners: [{ name: "wifi", kind: "redirect", listen: "0.0.0.0:8443" }],
    rules: [
      { name: "push", when: { sni: ["push.example", "far.example"] }, do: "splice", owner: "ann" },
    ],
    control: { mode: "off" },
    lists: { apple: { do: "splice" }, banking: { hosts: ["*.bank.example"] } },
  }
  writeFileSync(file, JSON.stringify(config))
  return { file, data: config.data }
}

const from = ["--client", "10.0.0.1"]
const wrong: Record<string, [args: string[], says: RegExp]> = {
  "no verb": [[], /say: pinsensor policy list .*, or pinsensor policy test/],
  "no client": [["test", "--sni", "a.example"], /say whose connection it is: --client IP/],
  "a client that is no address": [["test", "--client", "phone"], /--client: "phone" is no address/],
  "no destination": [["test", ...from], /say where it goes: --sni NAME/],
  "a port that is none": [["test", ...from, "--sni", "a", "--port", "0"], /--port: "0" is no port/],
  "a time that is none": [
    ["test", ...from, "--sni", "a", "--at", "soon"],
    /--at: "soon" is neither/,
  ],
  "a listener that is not there": [
    ["test", ...from, "--sni", "a", "--listener", "lan"],
    /--listener: there is no lan; there are explicit, wifi/,
  ],
  "a CONNECT where none is taken": [
    ["test", ...from, "--connect-host", "a", "--listener", "wifi"],
    /wifi \(redirect\) takes no CONNECT; leave out --connect-host/,
  ],
  "no address where nothing else tells": [
    ["test", ...from, "--sni", "a", "--listener", "wifi"],
    /wifi \(redirect\) goes by the address; give --address IP/,
  ],
  "two addresses": [
    ["test", ...from, "--connect-host", "192.0.2.1", "--address", "192.0.2.2"],
    /leave out --address/,
  ],
  "an unknown flag": [["test", ...from, "--snni", "a"], /snni/],
}
for (const [name, [args, says]] of Object.entries(wrong))
  t.test(`asked wrongly it ends with 2 and the way out: ${name}`, async (t) => {
    const { file } = configured(t)
    const flags = args.length > 0 ? ["--config", file] : []
    t.match(await asked(t, [...args, ...flags]), { code: 2, out: "", error: says })
  })

t.test("a configuration that is broken cannot be asked", async (t) => {
  const file = join(newDir(t), "bad.yaml")
  writeFileSync(file, "rules: [{ name: X }]")
  t.match(await asked(t, ["list", "--config", file]), { code: 2, error: /rules\[0\]/ })
})

const rows: Record<string, [args: string, last: RegExp]> = {
  "by the address": [
    "--sni push.example --address 192.0.2.9",
    /=> splice \(operator\) by push, dials 192.0.2.9 port 443$/,
  ],
  "to a foreign address": [
    "--sni push.example --address 192.0.2.1",
    /not dialled: 192.0.2.1 is none of .*\n=> inspect by name-disagrees$/,
  ],
  "of a name that was not asked for": [
    "--sni far.example",
    /far.example was not asked for; --resolve asks for it\n=> splice \(operator\) by push$/,
  ],
  "of a name with an assumed address": [
    "--connect-host far.example --address 192.0.2.7",
    /by push, dials 192.0.2.7 port 443$/,
  ],
  "to the sensor itself": ["--sni push.example --address 127.0.0.1", /=> refuse by guard$/],
  "of a shipped list that was chosen": [
    "--sni albert.apple.com --listener explicit --address 17.0.0.1 --connect-host albert.apple.com",
    /by list:apple, dials 17.0.0.1/,
  ],
  "of a list under control off": ["--sni captive.apple.com", /=> inspect by default$/],
  "before the end of an entry": [
    "--sni held.example --at 2026-11-21T10:30:00Z --address 192.0.2.5 --connect-host held.example",
    /by b-1, dials 192.0.2.5/,
  ],
  "after its end": ["--sni held.example --at 2026-11-21T11:30:00Z", /=> inspect by default$/],
}
for (const [name, [args, last]] of Object.entries(rows))
  t.test(`it says what decides and what is dialled: ${name}`, async (t) => {
    const { file, data } = configured(t)
    const store = openStore(data)
    store.putRegister([registerEntry("b-1", "held.example", ten + 3_600_000)], "test", ten)
    store.close()
    const { out, code, error } = await asked(t, [
      "test",
      ...from,
      ...args.split(" "),
      "--config",
      file,
    ])
    t.match({ code, error }, { code: 0, error: "" })
    t.match(out.trimEnd(), last)
  })

t.test("list shows rules, register, lists and control, for people and as JSON", async (t) => {
  const { file, data } = configured(t)
  const { out } = await asked(t, ["list", "--config", file])
  t.match(out, /push: splice \(operator\) if host is push.example, far.example; owner ann/)
  t.match(out, /there is none yet/)
  t.match(out, /captive-portal \(auto\): 0 spliced, \d+ inspected/)
  t.match(out, /splice-for: 2m\n.*\n {2}bytes: 50.0 MiB\n/)
  const store = openStore(data)
  store.putRegister(
    [
      registerEntry("b-1", "a.example", null),
      { ...registerEntry("p-1", "b.example", null), kind: "learned", standing: "proposed" },
      { ...registerEntry("rule:push", "push.example", null), source: "rule" },
    ],
    "test",
    ten,
  )
  store.close()
  t.match(JSON.parse((await asked(t, ["list", "--json", "--config", file])).out), {
    revision: /^[0-9a-f]{12}$/,
    rules: [{ name: "push" }],
    register: { in_force: { operator: 1 }, proposed: 1, ended: 0, declared: 1 },
    control: { mode: "off", "armed-for": "1d" },
    lists: [
      { name: "captive-portal", in_force: 0 },
      { name: "apple", do: "splice" },
    ],
  })
})
