import { writeFileSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { configFromFlags } from "../../src/cli/flags.ts"
import { newDir } from "../evidence/fixtures.ts"

const rows: { name: string; args: string[]; gives: object }[] = [
  { name: "none", args: [], gives: { listen: "127.0.0.1:8080", workers: 1, data: "var" } },
  {
    name: "an own CA",
    args: ["--ca-cert", "a.pem", "--ca-key", "a.key"],
    gives: { ca: { dir: "certs", cert: "a.pem", key: "a.key" } },
  },
  { name: "workers", args: ["--workers", "4"], gives: { workers: 4 } },
  { name: "control", args: ["--control", "off"], gives: { control: { mode: "off" } } },
  {
    name: "several syslog receivers",
    args: ["--syslog", "udp://soc.example", "--syslog", "tls://[::1]:7000"],
    gives: {
      syslog: [
        { transport: "udp", host: "soc.example", port: 514 },
        { transport: "tls", host: "::1", port: 7000 },
      ],
    },
  },
  {
    name: "several networks",
    args: [
      "--allow-client",
      "10.0.0.0/8",
      "--allow-client",
      "fd00::/8",
      "--allow-destination",
      "::1",
    ],
    gives: { "allow-client": ["10.0.0.0/8", "fd00::/8"], "allow-destination": ["::1"] },
  },
  {
    name: "splices become rules in their order",
    args: ["--splice", "*.a.example", "--splice", "b.example"],
    gives: {
      rules: [
        { name: "flag-splice-1", do: "splice", when: { sni: ["*.a.example"] } },
        { name: "flag-splice-2", do: "splice", when: { sni: ["b.example"] } },
      ],
    },
  },
]
for (const { name, args, gives } of rows)
  t.test(`flags of run: ${name}`, async (t) => {
    t.match(configFromFlags(args), gives)
  })

t.test("flags override the file, key by key", async (t) => {
  const file = join(newDir(t), "pinsensor.yaml")
  writeFileSync(file, "tenant: acme\nworkers: 2\ncontrol: { mode: off, connections: 7 }\n")
  const config = configFromFlags(["--config", file, "--workers", "3", "--control", "learn"])
  t.match(config, { tenant: "acme", workers: 3, control: { mode: "learn", connections: 7 } })
})

const faults = [
  { name: "a flag that does not exist", args: ["--listn", "x"], says: /--listn/ },
  { name: "a word too many", args: ["now"], says: /now/ },
  { name: "workers that are no number", args: ["--workers", "many"], says: /workers/ },
  { name: "a mode that does not exist", args: ["--control", "on"], says: /off, trial and learn/ },
  { name: "a listener without a port", args: ["--listen", "localhost"], says: /HOST:PORT/ },
  { name: "a receiver without a scheme", args: ["--syslog", "soc:514"], says: /tcp:\/\/HOST:PORT/ },
  { name: "half a CA", args: ["--ca-cert", "a.pem"], says: /cert and key go together/ },
  { name: "a pattern that is none", args: ["--splice", "a.*.example"], says: /sni/ },
  {
    name: "a file that is not there",
    args: ["--config", "none.yaml"],
    says: /none.yaml cannot be/,
  },
]
for (const { name, args, says } of faults)
  t.test(`refused with a word about it: ${name}`, async (t) => {
    t.throws(() => configFromFlags(args), { message: says })
  })
