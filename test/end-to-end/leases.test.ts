/** Leases that real servers give to a real client: Kea and dnsmasq at a gateway, dhclient behind it. */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as after } from "node:timers/promises"
import t, { type Test } from "tap"
import { BindingIndex } from "../../src/identity/bindings.ts"
import { DeviceIndex } from "../../src/identity/devices.ts"
import type { Binding } from "../../src/record/binding.ts"
import { device } from "../identity/given.ts"
import { collect } from "../support/collected.ts"
import { makeNetwork, missing, type Network } from "../support/namespaces.ts"

const mac = "3c:22:fb:00:00:07"

function absent(): string | null {
  const here = missing()
  if (here) return here
  const packages = {
    "kea-dhcp4": "kea-dhcp4-server",
    "kea-dhcp6": "kea-dhcp6-server",
    dnsmasq: "dnsmasq-base",
    dhclient: "isc-dhcp-client",
  }
  for (const [tool, name] of Object.entries(packages))
    if (!["/usr/sbin", "/sbin"].some((folder) => existsSync(join(folder, tool))))
      return `needs the Debian package ${name}`
  return null
}

const skip = absent() ?? false

t.test("DHCP servers", { skip }, async (t) => {
  const network = await makeNetwork()
  t.teardown(async () => {
    // Clients that went on as daemons keep their namespace alive.
    const [, , , name = ""] = network.under("client")
    const pids = execFileSync("ip", ["netns", "pids", name], { encoding: "utf8" })
    for (const pid of pids.split("\n").filter(Boolean)) process.kill(Number(pid), "SIGKILL")
    await network.close()
  })
  const hardware = `ip link set eth down && ip link set eth address ${mac} && ip link set eth up`
  const { code, stderr } = await network.run("client", ["sh", "-c", hardware])
  t.equal(code, 0, stderr)
  await kea(t, network)
  await dnsmasq(t, network)
})

async function kea(t: Test, network: Network): Promise<void> {
  await t.test(
    "Kea: leased, renewed, its file cleaned up, released; addresses and prefixes",
    async (t) => {
      const folder = t.testdir({})
      const file = (name: string) => join(folder, name)
      const memfile = (name: string) => ({
        type: "memfile",
        persist: true,
        name: file(name),
        "lfc-interval": 1,
      })
      const control = { "interfaces-config": { interfaces: ["lan"] }, "valid-lifetime": 600 }
      writeFileSync(
        file("kea4.json"),
        JSON.stringify({
          Dhcp4: {
            ...control,
            "lease-database": memfile("leases4.csv"),
            subnet4: [
              { id: 1, subnet: "10.77.0.0/24", pools: [{ pool: "10.77.0.50 - 10.77.0.60" }] },
            ],
          },
        }),
      )
      writeFileSync(
        file("kea6.json"),
        JSON.stringify({
          Dhcp6: {
            ...control,
            "preferred-lifetime": 300,
            "server-id": { type: "LL", persist: false },
            "lease-database": { ...memfile("leases6.csv"), "lfc-interval": 0 },
            subnet6: [
              {
                id: 1,
                subnet: "fd77::/64",
                interface: "lan",
                pools: [{ pool: "fd77::50 - fd77::60" }],
                "pd-pools": [{ prefix: "fd79::", "prefix-len": 48, "delegated-len": 64 }],
              },
            ],
          },
        }),
      )
      const env = { KEA_PIDFILE_DIR: folder, KEA_LOCKFILE_DIR: folder }
      const servers = [network.start("gateway", ["kea-dhcp4", "-c", file("kea4.json")], env)]
      const collected = await collect(file("data"), {
        leases: [
          { name: "four", format: "kea4", file: file("leases4.csv") },
          { name: "six", format: "kea6", file: file("leases6.csv") },
        ],
      })
      t.teardown(() => collected.stop())
      await appears(file("leases4.csv"))

      await dhclient(network, folder, "-4")
      const [first] = await collected.until("a lease", (all) => all.some(is4))
      t.match(first, {
        realm: null,
        source: "dhcp",
        device_id: null,
        names: { wifi_mac: mac },
        flags: [],
      })
      t.equal(ms(first?.valid_to) - ms(first?.valid_from), 600_000, "as long as Kea leases")
      t.ok(Math.abs(ms(first?.valid_from) - Date.now()) < 5_000, "from when the client asked")

      await detected(network)
      servers.push(network.start("gateway", ["kea-dhcp6", "-c", file("kea6.json")], env))
      await appears(file("leases6.csv"))
      await dhclient(network, folder, "-6")
      const six = await collected.until(
        "a prefix",
        (all) => all.filter((each) => !is4(each)).length >= 2,
      )
      t.match(
        six.filter((each) => !is4(each)).map(({ address, names }) => [address, names?.wifi_mac]),
        [
          [/^fd77::5/, mac],
          [/^fd79:.*\/64$/, mac],
        ],
      )
      const prefix = six.find(({ address }) => address.endsWith("/64"))?.address ?? ""
      const inPrefix = prefix.replace("::/64", "::aaaa:1")
      t.equal(holder(six, inPrefix), "phone", "whatever address of its prefix it uses")

      await collected.restart()
      // Kea counts in seconds: within the same one nothing would be new.
      await after(1_100 - (Date.now() % 1_000))
      await dhclient(network, folder, "-4")
      const renewed = await collected.until("a renewal", (all) => all.filter(is4).length === 2)
      const [one, two] = renewed.filter(is4)
      t.equal(two?.valid_from, one?.valid_from, "the same stay, though we were started anew")
      t.ok(ms(two?.valid_to) > ms(one?.valid_to), "which lasts longer")
      await appears(file("leases4.csv.2"))

      await dhclient(network, folder, "-4", "-r")
      const released = await collected.until("a release", (all) => all.filter(is4).length === 3)
      const last = released.filter(is4).at(-1)
      t.equal(last?.valid_from, one?.valid_from)
      t.ok(Math.abs(ms(last?.valid_to) - Date.now()) < 3_000, "ends when it was released")
      const address = last?.address ?? ""
      t.equal(
        holder(released, address, ms(last?.valid_to) - 1),
        "phone",
        "until then it was the phone's",
      )
      t.equal(holder(released, address, ms(last?.valid_to) + 60_000), null, "and nobody's after")
      for (const server of servers) server.kill()
      await Promise.all(servers.map((server) => new Promise((ends) => server.once("exit", ends))))
    },
  )
}

async function dnsmasq(t: Test, network: Network): Promise<void> {
  await t.test("dnsmasq: leased by both protocols, and released", async (t) => {
    const folder = t.testdir({})
    const file = join(folder, "dnsmasq.leases")
    const server = network.start("gateway", [
      "dnsmasq",
      "--keep-in-foreground",
      "--conf-file=/dev/null",
      "--user=root",
      "--pid-file=",
      "--port=0",
      "--interface=lan",
      "--bind-interfaces",
      "--no-ping",
      "--dhcp-range=10.77.0.50,10.77.0.60,10m",
      "--dhcp-range=fd77::50,fd77::60,64,10m",
      `--dhcp-leasefile=${file}`,
    ])
    const collected = await collect(join(folder, "data"), {
      leases: [{ name: "m", format: "dnsmasq", file, realm: "guests", "lease-time": "10m" }],
    })
    t.teardown(() => collected.stop())
    await appears(file)
    await dhclient(network, folder, "-4")
    await dhclient(network, folder, "-6")
    const leased = await collected.until("leases", (all) => all.length >= 2)
    t.match(
      leased.map(({ address, realm, names }) => [address, realm, names?.wifi_mac]),
      [
        [/^10\.77\.0\./, "guests", mac],
        [/^fd77::5/, "guests", mac],
      ],
    )
    t.ok(
      Math.abs(ms(leased[0]?.valid_from) - Date.now()) < 8_000,
      "from its end less the lease time",
    )
    await collected.restart()
    await dhclient(network, folder, "-4", "-r")
    const released = await collected.until("a release", (all) => all.length === 3)
    t.equal(released[2]?.valid_from, leased[0]?.valid_from)
    t.ok(ms(released[2]?.valid_to) < ms(leased[0]?.valid_to), "it ends sooner")
    server.kill()
  })
}

/** A lease is asked for, asked for again, or (with `-r`) given back. */
async function dhclient(network: Network, folder: string, family: "-4" | "-6", ...more: string[]) {
  const at = join(folder, `client${family}`)
  mkdirSync(at, { recursive: true })
  writeFileSync(join(at, "none.conf"), "")
  const pid = join(at, "pid")
  const command = [
    "dhclient",
    family,
    "-1",
    ...more,
    "-cf",
    join(at, "none.conf"),
    "-sf",
    "/bin/true",
  ]
  const prefix = folder.includes("Kea") && !more.includes("-r") ? ["-P"] : []
  if (family === "-6") command.push("-N", "-D", "LL", ...prefix)
  command.push("-lf", join(at, "leases"), "-pf", pid, "eth")
  const { code, stdout, stderr } = await network.run("client", command)
  if (code !== 0) throw new Error(`${command.join(" ")}: ${code} ${stdout} ${stderr}`)
  if (more.includes("-r")) return
  // It goes on as a daemon, which would renew.
  await appears(pid)
  execFileSync("sh", ["-c", `kill ${readFileSync(pid, "utf8").trim()} || true`])
}

/** Duplicate address detection keeps link-local addresses from use for a second or two. */
async function detected(network: Network): Promise<void> {
  for (const place of ["gateway", "client"] as const)
    for (let tries = 0; tries < 200; tries++) {
      const { stdout } = await network.run(place, ["ip", "-6", "addr", "show", "scope", "link"])
      if (stdout.includes("fe80::") && !stdout.includes("tentative")) break
      await after(50)
    }
}

async function appears(file: string): Promise<void> {
  for (let tries = 0; tries < 400 && !existsSync(file); tries++) await after(20)
  if (!existsSync(file)) throw new Error(`${file} is not written`)
}

function holder(bindings: readonly Binding[], address: string, at = Date.now()): string | null {
  const devices = new DeviceIndex([device("phone", { wifi_mac: mac.toUpperCase() })], [], {
    tenant: "acme",
  })
  const index = new BindingIndex(bindings, {
    tenant: "acme",
    deviceOf: (names) => devices.find({ ...names, device_id: null, ip: null }),
  })
  return index.resolve({ realm: "hq", address, at }).device_id
}

function is4({ address }: Binding): boolean {
  return !address.includes(":")
}

function ms(time: string | null | undefined): number {
  return Date.parse(time ?? "")
}
