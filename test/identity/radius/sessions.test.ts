import t from "tap"
import type { Accounting } from "../../../src/identity/radius/detail.ts"
import { namesOf } from "../../../src/identity/radius/radius-source.ts"
import { Sessions } from "../../../src/identity/radius/sessions.ts"

const hour = 3_600_000

function said(at: number, over: Partial<Accounting> = {}): Accounting {
  return {
    status: "start",
    nas: "10.0.0.1",
    nasNames: ["10.0.0.1"],
    session: "s1",
    user: "ann",
    mac: null,
    ssid: null,
    addresses: ["10.9.0.5"],
    at,
    lasted: null,
    ...over,
  }
}

function sessions(): Sessions {
  return new Sessions({
    silenceMs: 12 * hour,
    realmOf: () => null,
    namesOf: (accounting) => namesOf(accounting, []),
  })
}

t.test("a session's addresses are its own from its start to its stop", async (t) => {
  const stop = { status: "stop" as const, addresses: [] }
  const interim = { status: "interim" as const }
  const rows: [name: string, all: Accounting[], is: unknown[]][] = [
    [
      "started and stopped",
      [said(0), said(hour, stop)],
      [
        ["10.9.0.5", "ann", 0, 12],
        ["10.9.0.5", "ann", 0, 1],
      ],
    ],
    ["started, and never heard of again", [said(0)], [["10.9.0.5", "ann", 0, 12]]],
    [
      "still heard of: not said again before half of the silence",
      [said(0), said(hour, interim)],
      [["10.9.0.5", "ann", 0, 12]],
    ],
    [
      "still heard of after that",
      [said(0), said(7 * hour, interim)],
      [
        ["10.9.0.5", "ann", 0, 12],
        ["10.9.0.5", "ann", 0, 19],
      ],
    ],
    [
      "first heard of in its midst",
      [said(5 * hour, { ...interim, lasted: 2 * hour })],
      [["10.9.0.5", "ann", 3, 17]],
    ],
    [
      "only its stop is heard",
      [said(5 * hour, { ...stop, addresses: ["10.9.0.5"], lasted: 2 * hour })],
      [["10.9.0.5", "ann", 3, 5]],
    ],
    [
      "its first address comes with an interim: it was its own from the start",
      [said(0, { addresses: [] }), said(hour, interim)],
      [["10.9.0.5", "ann", 0, 12]],
    ],
    [
      "unless somebody else had it until then",
      [
        said(0, { session: "s0", user: "bob" }),
        said(hour, { addresses: [] }),
        said(2 * hour, { ...stop, session: "s0" }),
        said(3 * hour, interim),
      ],
      [
        ["10.9.0.5", "bob", 0, 12],
        ["10.9.0.5", "bob", 0, 2],
        ["10.9.0.5", "ann", 2, 13],
      ],
    ],
    [
      "its address comes with the stop only",
      [said(0, { addresses: [] }), said(hour, { ...stop, addresses: ["10.9.0.5"] })],
      [["10.9.0.5", "ann", 0, 1]],
    ],
    [
      "an address that comes later is its own from then on, to the end",
      [said(0), said(hour, { ...interim, addresses: ["2001:db8::/64"] }), said(2 * hour, stop)],
      [
        ["10.9.0.5", "ann", 0, 12],
        ["2001:db8::/64", "ann", 1, 12],
        ["10.9.0.5", "ann", 0, 2],
        ["2001:db8::/64", "ann", 1, 2],
      ],
    ],
    [
      "an update that comes after the stop, and happened before",
      [said(0), said(2 * hour, stop), said(hour, interim)],
      [
        ["10.9.0.5", "ann", 0, 12],
        ["10.9.0.5", "ann", 0, 2],
      ],
    ],
    ["a packet that was sent again", [said(0), said(0)], [["10.9.0.5", "ann", 0, 12]]],
    [
      "its address is another's, though its stop was lost",
      [said(0), said(hour, { session: "s2", user: "bob" })],
      [
        ["10.9.0.5", "ann", 0, 12],
        ["10.9.0.5", "ann", 0, 1],
        ["10.9.0.5", "bob", 1, 13],
      ],
    ],
    [
      "the access point started anew",
      [
        said(0),
        said(0, {
          session: "s2",
          nas: "10.0.0.2",
          nasNames: ["10.0.0.2"],
          addresses: ["10.9.0.6"],
        }),
        said(hour, { status: "nas", session: "", addresses: [] }),
      ],
      [
        ["10.9.0.5", "ann", 0, 12],
        ["10.9.0.6", "ann", 0, 12],
        ["10.9.0.5", "ann", 0, 1],
      ],
    ],
    [
      "another starts anew that has the same address behind its own NAT",
      [
        said(0, { nas: "10.0.0.1 a", nasNames: ["10.0.0.1", "a"] }),
        said(hour, {
          status: "nas",
          session: "",
          nas: "10.0.0.1 b",
          nasNames: ["10.0.0.1", "b"],
          addresses: [],
        }),
      ],
      [["10.9.0.5", "ann", 0, 12]],
    ],
    [
      "somebody else logs in within it",
      [said(0), said(hour, { ...interim, user: "bob" })],
      [
        ["10.9.0.5", "ann", 0, 12],
        ["10.9.0.5", "ann", 0, 1],
        ["10.9.0.5", "bob", 1, 13],
      ],
    ],
  ]
  for (const [name, all, is] of rows) {
    const ledger = sessions()
    const stated = all.flatMap((each) => ledger.take(each))
    t.same(
      stated.map(({ address, names, from, to }) => [
        address,
        names.user,
        from / hour,
        (to ?? 0) / hour,
      ]),
      is,
      name,
    )
  }
})

t.test("what was not kept says the same when it is read again", async (t) => {
  const ledger = sessions()
  ledger.take(said(0))
  ledger.keep()
  const rest = [
    said(7 * hour, { status: "interim" }),
    said(8 * hour, { status: "stop" }),
    said(9 * hour, { session: "s3" }),
  ]
  const first = rest.flatMap((each) => ledger.take(each))
  ledger.undo()
  t.same(
    rest.flatMap((each) => ledger.take(each)),
    first,
  )
})

t.test("a user name names a person, or a device by a pattern", async (t) => {
  const patterns = [/^host\/(?<serial>[A-Z0-9]+)$/, /^(?<user>\w+)%(?<udid>[\w-]+)$/]
  const rows: [user: string | null, is: object][] = [
    ["ann@acme.example", { user: "ann@acme.example" }],
    ["host/F2LXK1", { serial: "F2LXK1" }],
    ["ann%00008030-1", { user: "ann", udid: "00008030-1" }],
    [null, {}],
  ]
  for (const [user, is] of rows) t.same(namesOf(said(0, { user }), patterns), is, String(user))
  t.same(namesOf(said(0, { user: null, mac: "3c:22:fb:00:00:07" }), []), {
    wifi_mac: "3c:22:fb:00:00:07",
  })
})
