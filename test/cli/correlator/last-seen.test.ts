import t from "tap"
import { lastSeen } from "../../../src/cli/correlator/last-seen.ts"
import { Suspects } from "../../../src/cli/correlator/suspects.ts"
import { openStore } from "../../../src/evidence/open.ts"
import { inventory } from "../../../src/identity/inventory.ts"
import { IdentitySettings, joinSettings } from "../../../src/identity/settings.ts"
import { newDir } from "../../evidence/fixtures.ts"
import { attempt, dayStart, HOUR, zeekFlow } from "../../support/records.ts"
import { binding, whose } from "../replay/mixed-world.ts"

t.test("a device was seen last with its own newest connection, not with its address's", (t) => {
  const store = openStore(newDir(t))
  t.teardown(() => store.close())
  const at = (address: string, hour: number) =>
    attempt("a.example", hour * HOUR, "accepted", {
      ...whose,
      id: `${address} ${hour}`,
      client_ip: address,
    })
  store.append("attempts", [
    ...[1, 2, 9, 10, 11, 12, 13, 14].map((hour) => at("10.9.0.1", hour)),
    ...[4, 5].map((hour) => at("10.9.0.2", hour)),
    at("10.9.0.3", 3),
  ])
  const dayAhead = { ...whose, id: "of a tap", client_ip: "10.9.0.3" }
  store.append("flows", [zeekFlow("a.example", 38 * HOUR, dayAhead)])
  const who = inventory(
    {
      tenant: whose.tenant,
      devices: [],
      postures: [],
      apps: [],
      bindings: [
        binding("ann", "10.9.0.1", 0, 8 * HOUR),
        binding("bob", "10.9.0.1", 8 * HOUR, null),
        binding("ann", "10.9.0.2", 4 * HOUR, 6 * HOUR),
        binding("ida", "10.9.0.4", 0, null),
      ],
    },
    joinSettings(IdentitySettings.parse({})),
  )
  const rows: [string, string[], number | null][] = [
    ["ann", [], 5],
    ["ann", ["10.9.0.1"], 5],
    ["bob", [], 14],
    ["address:10.9.0.3", ["10.9.0.3"], 3],
    ["address:10.9.0.2", ["10.9.0.2"], null],
    ["ida", ["10.9.0.1"], null],
  ]
  for (const [device, addresses, hour] of rows) {
    const expected = hour === null ? null : dayStart + hour * HOUR
    const suspects = new Suspects(dayStart + 14 * HOUR)
    const at = lastSeen({ store, suspects, inventory: { current: who } }, device, addresses)
    t.equal(at, expected, `${device}, seen at ${addresses.join() || "none"}`)
  }
  t.end()
})
