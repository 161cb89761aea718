import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import net from "node:net"
import { join } from "node:path"
import Database from "better-sqlite3"
import t from "tap"
import { findCa } from "../../../src/cli/inspection-ca.ts"
import { checkStart } from "../../../src/cli/supervisor/check-start.ts"
import { type ConfigInput, loadConfig } from "../../../src/config.ts"
import { openStore } from "../../../src/evidence/open.ts"
import { newDir } from "../../evidence/fixtures.ts"

/** A folder in which everything is in order, until the row breaks something. */
const rows: {
  name: string
  breaks: (dir: string) => Partial<ConfigInput>
  says: RegExp
}[] = [
  {
    name: "roots of origins that are not there",
    breaks: (dir) => ({ "origin-ca": join(dir, "none.pem") }),
    says: /^origin-ca: .*none.pem cannot be read \(ENOENT\); give a file/,
  },
  {
    name: "roots of origins that are no certificates",
    breaks: (dir) => {
      writeFileSync(join(dir, "roots.pem"), "hello")
      return { "origin-ca": join(dir, "roots.pem") }
    },
    says: /^origin-ca: .*roots.pem holds no certificate that can be read; give a PEM file/,
  },
  {
    name: "a syslog receiver's CA that is not there",
    breaks: (dir) => ({
      syslog: [{ transport: "tls", host: "soc.example", ca: join(dir, "soc.pem") } as never],
    }),
    says: /^syslog\[0\].ca: .*soc.pem cannot be read/,
  },
  {
    name: "a file where the data directory should be",
    breaks: (dir) => {
      writeFileSync(join(dir, "file"), "")
      return { data: join(dir, "file") }
    },
    says: /^data: .*file cannot be used \((EEXIST|ENOTDIR)\); give a directory/,
  },
  {
    name: "a database that cannot be opened",
    breaks: (dir) => {
      mkdirSync(join(dir, "var", "evidence.sqlite"), { recursive: true })
      return {}
    },
    says: /^data: .*var cannot be used \(not writable\); give a directory/,
  },
  {
    name: "a database of a newer version",
    breaks: (dir) => {
      openStore(join(dir, "var")).close()
      const db = new Database(join(dir, "var", "evidence.sqlite"))
      db.exec("INSERT INTO migrations VALUES (999, 'tomorrow')")
      db.close()
      return {}
    },
    says: /written by a newer pinsensor .*; run that version, or choose another --data/,
  },
  {
    name: "a file that is no database",
    breaks: (dir) => {
      mkdirSync(join(dir, "var"))
      writeFileSync(join(dir, "var", "evidence.sqlite"), "x".repeat(10_000))
      return {}
    },
    says: /is damaged or no database .*\.recover/,
  },
  {
    name: "a listener on an address that is not of this machine",
    breaks: () => ({
      listeners: [{ name: "wifi", kind: "explicit", listen: "203.0.113.1:8443" }],
    }),
    says: /^listeners: wifi: 203.0.113.1:8443 cannot be opened: .*give it another listen: HOST:PORT/,
  },
  {
    name: "proxy users that are not there",
    breaks: (dir) => ({ "proxy-users": { file: join(dir, "users") } }),
    says: /^proxy-users: .*users cannot be read/,
  },
  {
    name: "proxy users with a plain password",
    breaks: (dir) => {
      writeFileSync(join(dir, "users"), "ann:secret\n")
      return { "proxy-users": { file: join(dir, "users") } }
    },
    says: /^proxy-users: .*users, line 1: not NAME:.*make the line with pinsensor proxy-user/,
  },
  {
    name: "an address that is not of this machine",
    breaks: () => ({ listen: "203.0.113.1:8080" }),
    says: /^listen: 203.0.113.1:8080 cannot be opened: 203.0.113.1 is no address of this machine/,
  },
]
for (const { name, breaks, says } of rows)
  t.test(`found before the start: ${name}`, async (t) => {
    const dir = newDir(t)
    const config = loadConfig(null, {
      listen: "127.0.0.1:0",
      data: join(dir, "var"),
      ...breaks(dir),
    })
    await t.rejects(checkStart(config), { message: says })
  })

t.test(
  "a port that is taken for good is named; one that is given back is waited for",
  async (t) => {
    const server = net.createServer()
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as net.AddressInfo
    const config = loadConfig(null, { listen: `127.0.0.1:${port}`, data: newDir(t) })
    await t.rejects(checkStart(config), { message: /is taken by another program; end that/ })
    setTimeout(() => server.close(), 300)
    await t.resolves(checkStart(config))
  },
)

const caRows: { name: string; breaks: (dir: string) => ConfigInput["ca"]; says: RegExp }[] = [
  {
    name: "a folder that cannot be made",
    breaks: (dir) => {
      writeFileSync(join(dir, "file"), "")
      return { dir: join(dir, "file", "certs") }
    },
    says: /^ca: cannot write .*certs.*; let the sensor's user write there, or bring a CA/,
  },
  {
    name: "a key's passphrase that is not there",
    breaks: (dir) => ({ dir, "passphrase-file": join(dir, "word") }),
    says: /^ca.passphrase-file: .*word cannot be read/,
  },
  {
    name: "a key that others may read",
    breaks: (dir) => {
      findCa(loadConfig(null, { ca: { dir } }), Date.now())
      const key = join(dir, "inspection-ca.key")
      writeFileSync(join(dir, "open.key"), readFileSync(key), { mode: 0o644 })
      return { cert: join(dir, "inspection-ca.pem"), key: join(dir, "open.key") }
    },
    says: /open.key .*chmod 600/,
  },
]
for (const { name, breaks, says } of caRows)
  t.test(`an inspection CA is refused with the way out: ${name}`, async (t) => {
    const ca = breaks(newDir(t))
    t.throws(() => findCa(loadConfig(null, { ca }), Date.now()), { message: says })
  })
