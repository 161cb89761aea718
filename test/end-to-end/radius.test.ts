/** Accounting as FreeRADIUS writes it down: radclient is the access point, on loopback. */
import { execFile, spawn } from "node:child_process"
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as after } from "node:timers/promises"
import t from "tap"
import type { Binding } from "../../src/record/binding.ts"
import { collect } from "../support/collected.ts"
import { freePort } from "../support/free-port.ts"

function absent(): string | null {
  if (process.platform !== "linux") return "needs Linux"
  if (!existsSync("/usr/sbin/freeradius")) return "needs the Debian package freeradius"
  return existsSync("/usr/bin/radclient") ? null : "needs the Debian package freeradius-utils"
}

const secret = "accounting only"

/** As deploy/ has it for an operator, on a port of the test's own. */
function settings(folder: string, port: number): string {
  return `
    prefix = /usr
    name = freeradius
    logdir = ${folder}
    run_dir = ${folder}
    libdir = /usr/lib/freeradius
    pidfile = ${folder}/pid
    client access-points {
      ipaddr = 127.0.0.1
      secret = "${secret}"
    }
    modules {
      detail {
        filename = ${folder}/acct/detail-%Y%m%d
        header = "%t"
        permissions = 0640
      }
    }
    server accounting {
      listen {
        type = acct
        ipaddr = 127.0.0.1
        port = ${port}
      }
      accounting {
        detail
      }
    }
  `
}

t.test("accounting of real sessions", { skip: absent() ?? false }, async (t) => {
  const folder = t.testdir({ acct: {} })
  const port = await freePort()
  writeFileSync(join(folder, "radiusd.conf"), settings(folder, port))
  const server = spawn("/usr/sbin/freeradius", [
    "-d",
    folder,
    "-n",
    "radiusd",
    "-f",
    "-l",
    "stdout",
  ])
  let printed = ""
  server.stdout.on("data", (chunk) => {
    printed += chunk
  })
  t.teardown(async () => {
    server.kill()
    await new Promise((ends) => server.once("exit", ends))
  })
  const collected = await collect(join(folder, "data"), {
    radius: [
      {
        name: "wifi",
        file: join(folder, "acct", "detail-*"),
        realms: [{ nas: "10.0.0.2", ssid: "guests", realm: "vrf-guest" }],
        "user-names": ["^host/(?<serial>[A-Z0-9]+)$"],
      },
    ],
  })
  t.teardown(() => collected.stop())
  for (let tries = 0; tries < 400 && !printed.includes("Ready to process"); tries++) await after(20)
  t.match(printed, /Ready to process/)

  const account = (attributes: Record<string, string | number>) =>
    new Promise<void>((resolve, reject) => {
      const text = Object.entries(attributes).map(
        ([name, value]) => `${name} = ${JSON.stringify(value)}\n`,
      )
      const args = ["-r", "3", "-t", "1", `127.0.0.1:${port}`, "acct", secret]
      const client = execFile("/usr/bin/radclient", args, (error) =>
        error ? reject(error) : resolve(),
      )
      client.stdin?.end(text.join(""))
    })
  const now = Math.floor(Date.now() / 1_000)
  const phone = {
    "Acct-Session-Id": "s-1",
    "User-Name": "ann@acme.example",
    "Calling-Station-Id": "3C-22-FB-00-00-07",
    "Called-Station-Id": "AA-BB-CC-00-00-01:corp",
    "NAS-IP-Address": "10.0.0.1",
    "Framed-IP-Address": "10.9.0.5",
  }
  const prefix = { "Framed-IPv6-Prefix": "2001:db8:1:2::/64" }
  await account({ ...phone, "Acct-Status-Type": "Start", "Event-Timestamp": now - 60 })
  const started = await collected.until("a start", (all) => all.length === 1)
  t.match(started, [
    {
      address: "10.9.0.5",
      valid_from: time(now - 60),
      valid_to: time(now - 60 + 12 * 3_600),
      device_id: null,
      names: { wifi_mac: "3c:22:fb:00:00:07", user: "ann@acme.example", serial: null },
      source: "radius",
      confidence: 0.9,
      flags: [],
    },
  ])

  await account({
    ...phone,
    ...prefix,
    "Acct-Status-Type": "Interim-Update",
    "Event-Timestamp": now - 40,
    "Acct-Session-Time": 20,
  })
  await collected.until("its prefix", (all) => ends(all, prefix["Framed-IPv6-Prefix"]).length === 1)
  await collected.restart()
  await account({
    ...phone,
    "Acct-Status-Type": "Stop",
    "Event-Timestamp": now - 20,
    "Acct-Session-Time": 40,
  })
  const stopped = await collected.until("a stop", (all) =>
    ends(all, "10.9.0.5").includes(time(now - 20)),
  )
  t.ok(
    stopped
      .filter(({ address }) => address === "10.9.0.5")
      .every(({ valid_from }) => valid_from === time(now - 60)),
    "from its start, though we were started anew",
  )
  t.ok(ends(stopped, prefix["Framed-IPv6-Prefix"]).includes(time(now - 20)), "the prefix, too")

  // The next day's file, of another access point, with a made up MAC and a machine's certificate.
  mkdirSync(join(folder, "old"))
  const other = {
    "Acct-Session-Id": "s-1",
    "User-Name": "host/F2LXK1",
    "Calling-Station-Id": "da-a1-19-00-00-01",
    "Called-Station-Id": "AA-BB-CC-00-00-02:guests",
    "NAS-IP-Address": "10.0.0.2",
    "Framed-IP-Address": "10.9.0.5",
  }
  await account({ ...other, "Acct-Status-Type": "Start", "Event-Timestamp": now - 10 })
  const guests = (all: readonly Binding[]) => all.filter(({ realm }) => realm === "vrf-guest")
  const guest = guests(await collected.until("a guest", (all) => guests(all).length === 1))
  t.match(guest, [{ names: { serial: "F2LXK1", user: null }, flags: ["locally-administered-mac"] }])
  const day = new Date().toISOString().slice(0, 10).replaceAll("-", "")
  const today = join(folder, "acct", `detail-${day}`)
  if (existsSync(today)) renameSync(today, join(folder, "acct", "detail-of-before"))
  await account({
    "Acct-Status-Type": "Accounting-Off",
    "NAS-IP-Address": "10.0.0.2",
    "Event-Timestamp": now - 5,
  })
  const over = guests(
    await collected.until("the end of its sessions", (all) => guests(all).length === 2),
  )
  t.equal(over[1]?.valid_to, time(now - 5), "an access point that shuts down ends its sessions")
  t.equal(collected.store.sources.all()[0]?.health.rejected, 0)
})

function ends(bindings: readonly Binding[], address: string): (string | null)[] {
  return bindings.filter((each) => each.address === address).map(({ valid_to }) => valid_to)
}

function time(seconds: number): string {
  return new Date(seconds * 1_000).toISOString()
}
