import t, { type Test } from "tap"
import type { z } from "zod"
import { AppEventIndex, type EventSettings } from "../../src/identity/app-events.ts"
import { AppIndex } from "../../src/identity/apps.ts"
import { attributeApp } from "../../src/identity/attribute-app.ts"
import { connectionNames } from "../../src/identity/connection-names.ts"
import { DeviceIndex } from "../../src/identity/devices.ts"
import type { App } from "../../src/record/app.ts"
import type { AppEvent } from "../../src/record/app-event.ts"
import type { Attempt } from "../../src/record/attempt.ts"
import type { Posture } from "../../src/record/posture.ts"
import { app, attempt, clock, device, event, posture } from "./given.ts"

interface World {
  events?: AppEvent[]
  apps?: App[]
  postures?: Posture[]
  proxies?: string[]
  /** What differs from an attempt at 10:00 from port 50000 to api.shop.example, 203.0.113.10:443. */
  fact?: Partial<z.input<typeof Attempt>>
  deviceId?: string | null
}

function ask(world: World) {
  const devices = new DeviceIndex([device("phone")], world.postures ?? [], { tenant: "acme" })
  const settings: EventSettings = { tenant: "acme", proxyAddresses: world.proxies ?? [] }
  const fact = attempt("t1", "10:00", world.fact)
  return attributeApp(
    {
      names: connectionNames(fact),
      connectUserAgent: fact.connect_user_agent,
      deviceId: world.deviceId === undefined ? "phone" : world.deviceId,
    },
    {
      devices,
      apps: new AppIndex(world.apps ?? [], { tenant: "acme" }),
      events: new AppEventIndex(world.events ?? [], devices, settings),
    },
  )
}

const host = { host: "api.shop.example" }
const address = { ip: "203.0.113.10", port: 443 }
const proxy = { ip: "10.0.0.1", port: 8080 }
const viaProxy = { connect_host: "api.shop.example" }

type Row = [name: string, world: World, app: string | null, as: "observed" | "inferred" | "unknown"]

function check(t: Test, rows: Row[]): void {
  for (const [name, world, wanted, as] of rows) {
    const choice = ask(world)
    t.equal(choice.app_id, wanted, name)
    t.equal(choice.attribution, as, name)
    t.ok(choice.because.length > 0, `${name}: says why`)
  }
}

t.test("an app event of this connection makes its app observed", async (t) => {
  const dns = { type: "dns_lookup" }
  const trust = (evidence: "runtime" | "static") => ({
    type: "tls_trust_customization",
    trust: { kind: "pin_comparison" as const, evidence },
  })
  check(t, [
    ["the name", { events: [event("e1", "10:00", "shop", host)] }, "shop", "observed"],
    [
      "the name in other case and with a dot",
      { events: [event("e1", "10:00", "shop", { host: "API.shop.example." })] },
      "shop",
      "observed",
    ],
    [
      "the address and port",
      { events: [event("e1", "10:00", "shop", address)] },
      "shop",
      "observed",
    ],
    [
      "the address as IPv4-mapped",
      { events: [event("e1", "10:00", "shop", { ip: "::ffff:203.0.113.10", port: 443 })] },
      "shop",
      "observed",
    ],
    [
      "the address on another port",
      { events: [event("e1", "10:00", "shop", { ...address, port: 8443 })] },
      null,
      "unknown",
    ],
    [
      "the name on another port",
      { events: [event("e1", "10:00", "shop", { ...host, port: 8443 })] },
      null,
      "unknown",
    ],
    [
      "the address, but of another name",
      { events: [event("e1", "10:00", "shop", { ...address, host: "other.example" })] },
      null,
      "unknown",
    ],
    [
      "the CONNECT host where the SNI is another",
      {
        events: [event("e1", "10:00", "shop", { host: "inner.example" })],
        fact: { connect_host: "inner.example", sni: "outer.example" },
      },
      "shop",
      "observed",
    ],
    ["5 s before", { events: [event("e1", "9:59:55", "shop", host)] }, "shop", "observed"],
    ["5 s after", { events: [event("e1", "10:00:05", "shop", host)] }, "shop", "observed"],
    ["more than 5 s off", { events: [event("e1", "10:00:05.001", "shop", host)] }, null, "unknown"],
    [
      "a lookup up to a minute before",
      { events: [event("e1", "9:59", "shop", host, dns)] },
      "shop",
      "observed",
    ],
    ["an older lookup", { events: [event("e1", "9:58:59", "shop", host, dns)] }, null, "unknown"],
    ["a lookup after", { events: [event("e1", "10:00:06", "shop", host, dns)] }, null, "unknown"],
    [
      "trust customisation at run time",
      { events: [event("e1", "10:00", "shop", host, trust("runtime"))] },
      "shop",
      "observed",
    ],
    [
      "a static fact happened at no time",
      { events: [event("e1", "10:00", "shop", host, trust("static"))] },
      null,
      "unknown",
    ],
    [
      "a batch that arrived hours late",
      { events: [event("e1", "10:00", "shop", host, { received_at: clock("23:00") })] },
      "shop",
      "observed",
    ],
    [
      "a type we do not know tells nothing",
      { events: [event("e1", "10:00", "shop", host, { type: "vendor_thing" })] },
      null,
      "unknown",
    ],
    [
      "of another device",
      { events: [event("e1", "10:00", "shop", host, { device: { device_id: "tablet" } })] },
      null,
      "unknown",
    ],
    [
      "of another tenant",
      { events: [event("e1", "10:00", "shop", host, { tenant: "other" })] },
      null,
      "unknown",
    ],
    [
      "from an address that is bound to no device",
      { events: [event("e1", "10:00", "shop", host)], deviceId: null },
      null,
      "unknown",
    ],
  ])
})

t.test("where events name two apps, the surer event decides, else none is named", async (t) => {
  const rows: Row[] = [
    [
      "two apps to one name",
      { events: [event("e1", "10:00", "shop", host), event("e2", "10:00", "bank", host)] },
      null,
      "unknown",
    ],
    [
      "one app twice",
      { events: [event("e1", "10:00", "shop", host), event("e2", "10:00:01", "shop", host)] },
      "shop",
      "observed",
    ],
    [
      "the source port tells them apart",
      {
        events: [
          event("e1", "10:00", "shop", { ...host, src_port: 50_000 }),
          event("e2", "10:00", "bank", { ...host, src_port: 50_001 }),
        ],
      },
      "shop",
      "observed",
    ],
    [
      "a connection is surer than a lookup",
      {
        events: [
          event("e1", "10:00", "shop", host),
          event("e2", "9:59:30", "bank", host, { type: "dns_lookup" }),
        ],
      },
      "shop",
      "observed",
    ],
    [
      "a User-Agent chooses among the apps seen, as a conclusion",
      {
        events: [event("e1", "10:00", "shop", host), event("e2", "10:00", "bank", host)],
        apps: [app("bank", { user_agents: ["Bank/*"] })],
        fact: { ...viaProxy, connect_user_agent: "Bank/1" },
      },
      "bank",
      "inferred",
    ],
    [
      "but does not add a third",
      {
        events: [event("e1", "10:00", "shop", host), event("e2", "10:00", "bank", host)],
        apps: [app("mail", { user_agents: ["Mail/*"] })],
        fact: { ...viaProxy, connect_user_agent: "Mail/1" },
      },
      null,
      "unknown",
    ],
    [
      "nor overrules the one that was seen",
      {
        events: [event("e1", "10:00", "shop", host)],
        apps: [app("mail", { user_agents: ["Mail/*"] })],
        fact: { ...viaProxy, connect_user_agent: "Mail/1" },
      },
      "shop",
      "observed",
    ],
  ]
  check(t, rows)
  const both = ask(rows[0]?.[1] ?? {})
  t.same(
    both.candidates.map((candidate) => candidate.app_id),
    ["bank", "shop"],
  )
  t.match(both.because[0], /bank, shop/)
})

t.test("behind an explicit proxy, events that show the proxy join by source port", async (t) => {
  const proxies = ["10.0.0.1", "proxy.corp.example"]
  const withPort = { ...proxy, src_port: 50_000 }
  check(t, [
    [
      "proxy's address and our source port",
      { events: [event("e1", "10:00", "shop", withPort)], fact: viaProxy, proxies },
      "shop",
      "observed",
    ],
    [
      "proxy's name and our source port",
      {
        events: [event("e1", "10:00", "shop", { host: "proxy.corp.example", src_port: 50_000 })],
        fact: viaProxy,
        proxies,
      },
      "shop",
      "observed",
    ],
    [
      "the source port alone where the proxy's address was not configured",
      { events: [event("e1", "10:00", "shop", withPort)], fact: viaProxy },
      "shop",
      "observed",
    ],
    [
      "another source port to the proxy is another connection",
      {
        events: [event("e1", "10:00", "shop", { ...proxy, src_port: 50_001 })],
        fact: viaProxy,
        proxies,
      },
      null,
      "unknown",
    ],
    [
      "our source port, but to another server than the proxy",
      {
        events: [event("e1", "10:00", "shop", { ip: "198.51.100.9", port: 443, src_port: 50_000 })],
        fact: viaProxy,
        proxies,
      },
      null,
      "unknown",
    ],
    [
      "our source port, but a transparent connection elsewhere",
      { events: [event("e1", "10:00", "shop", withPort)] },
      null,
      "unknown",
    ],
    [
      "time only, one app: a conclusion",
      { events: [event("e1", "10:00", "shop", proxy)], fact: viaProxy, proxies },
      "shop",
      "inferred",
    ],
    [
      "time only, two apps",
      {
        events: [event("e1", "10:00", "shop", proxy), event("e2", "10:00:02", "bank", proxy)],
        fact: viaProxy,
        proxies,
      },
      null,
      "unknown",
    ],
    [
      "time only, two apps, and a CONNECT User-Agent of one of them",
      {
        events: [event("e1", "10:00", "shop", proxy), event("e2", "10:00:02", "bank", proxy)],
        apps: [app("bank", { user_agents: ["Bank/*"] })],
        fact: { ...viaProxy, connect_user_agent: "Bank/1" },
        proxies,
      },
      "bank",
      "inferred",
    ],
    [
      "time only says nothing of a transparent connection",
      { events: [event("e1", "10:00", "shop", proxy)], proxies },
      null,
      "unknown",
    ],
    [
      "time only says nothing where the address may be anybody's",
      { events: [event("e1", "10:00", "shop", proxy)], fact: viaProxy },
      null,
      "unknown",
    ],
  ])
})

t.test("a CONNECT User-Agent of exactly one registered app makes it inferred", async (t) => {
  const shop = app("shop", { user_agents: ["Shop/*"] })
  const twin = app("twin", { user_agents: ["Shop/*"] })
  const fact = { ...viaProxy, connect_user_agent: "Shop/4.2" }
  check(t, [
    ["no inventory", { apps: [shop], fact }, "shop", "inferred"],
    [
      "installed",
      { apps: [shop], fact, postures: [posture("phone", "9:00", ["shop"])] },
      "shop",
      "inferred",
    ],
    [
      "not installed",
      { apps: [shop], fact, postures: [posture("phone", "9:00", ["mail"])] },
      null,
      "unknown",
    ],
    [
      "not installed at the time",
      {
        apps: [shop],
        fact,
        postures: [posture("phone", "9:00", []), posture("phone", "11:00", ["shop"])],
      },
      null,
      "unknown",
    ],
    [
      "inventory not told",
      { apps: [shop], fact, postures: [posture("phone", "9:00", null)] },
      "shop",
      "inferred",
    ],
    ["two apps have it", { apps: [shop, twin], fact }, null, "unknown"],
    [
      "two have it, one is installed",
      { apps: [shop, twin], fact, postures: [posture("phone", "9:00", ["shop"])] },
      "shop",
      "inferred",
    ],
    [
      "two have it, a work profile lists one: the other may be personal",
      {
        apps: [shop, twin],
        fact,
        postures: [posture("phone", "9:00", ["shop"], { profile: "work" })],
      },
      null,
      "unknown",
    ],
    [
      "of an app of the other platform",
      { apps: [{ ...shop, platform: "ios" }], fact },
      null,
      "unknown",
    ],
    ["from an address without device", { apps: [shop], fact, deviceId: null }, "shop", "inferred"],
    [
      "a library's User-Agent that nobody registered",
      { apps: [shop], fact: { ...viaProxy, connect_user_agent: "okhttp/4.12.0" } },
      null,
      "unknown",
    ],
  ])
})

t.test("the only installed app approved for the destination is inferred", async (t) => {
  const shop = app("shop", { approved_destinations: ["*.shop.example"] })
  const bank = app("bank", { approved_destinations: ["api.shop.example"] })
  const net = app("net", { approved_destinations: ["203.0.113.0/24"] })
  const both = posture("phone", "9:00", ["shop", "bank", "mail"])
  check(t, [
    ["one fits", { apps: [shop], postures: [both] }, "shop", "inferred"],
    ["two fit", { apps: [shop, bank], postures: [both] }, null, "unknown"],
    [
      "two fit, one is installed",
      { apps: [shop, bank], postures: [posture("phone", "9:00", ["bank"])] },
      "bank",
      "inferred",
    ],
    [
      "none is installed",
      { apps: [shop], postures: [posture("phone", "9:00", ["mail"])] },
      null,
      "unknown",
    ],
    ["no inventory", { apps: [shop] }, null, "unknown"],
    [
      "the list names only some of the apps",
      { apps: [shop], postures: [posture("phone", "9:00", ["shop"], { apps_partial: true })] },
      null,
      "unknown",
    ],
    [
      "a work profile lists only work apps",
      { apps: [shop], postures: [posture("phone", "9:00", ["shop"], { profile: "work" })] },
      null,
      "unknown",
    ],
    [
      "a personal side is beside the device's list",
      { apps: [shop], postures: [both, posture("phone", "9:00", null, { profile: "personal" })] },
      null,
      "unknown",
    ],
    [
      "by network where there is no name",
      { apps: [net], postures: [posture("phone", "9:00", ["net"])], fact: { sni: null } },
      "net",
      "inferred",
    ],
    [
      "a network does not speak for a name",
      { apps: [net], postures: [posture("phone", "9:00", ["net"])] },
      null,
      "unknown",
    ],
    [
      "User-Agent and inventory agree",
      {
        apps: [{ ...shop, user_agents: ["Shop/*"] }],
        postures: [both],
        fact: { ...viaProxy, connect_user_agent: "Shop/1" },
      },
      "shop",
      "inferred",
    ],
    [
      "User-Agent and inventory disagree",
      {
        apps: [shop, app("mail", { user_agents: ["Mail/*"] })],
        postures: [both],
        fact: { ...viaProxy, connect_user_agent: "Mail/1" },
      },
      null,
      "unknown",
    ],
  ])
})

t.test(
  "version, signer and profile come from the event, else from the posture in force",
  async (t) => {
    const work = posture("phone", "9:00", ["shop"], { profile: "work" })
    const own = posture("phone", "9:00", ["mail"], { profile: "personal" })
    const seen = ask({ events: [event("e1", "10:00", "shop", host)], postures: [work, own] })
    t.match(seen, { app_version: "2.0", app_signer: "sig-shop", profile: "work" })
    const mute = event("e1", "10:00", "mail", host, { app: { id: "mail" } })
    t.match(ask({ events: [mute], postures: [work, own] }), {
      app_version: "1.0",
      app_signer: "sig-mail",
      profile: "personal",
    })
    const twice = posture("phone", "9:00", ["shop"], { profile: "personal" })
    t.match(
      ask({ events: [event("e1", "10:00", "shop", host)], postures: [work, twice] }),
      { app_signer: null, profile: "device" },
      "in both profiles: which one it was is not known",
    )
  },
)
