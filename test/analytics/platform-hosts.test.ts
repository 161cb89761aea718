import t from "tap"
import { covers } from "../../src/analytics/host-list.ts"
import { isPlatformApp, platformHosts } from "../../src/analytics/platform-hosts.ts"
import { AnalyticsSettings } from "../../src/analytics/settings.ts"
import { shippedLists } from "../../src/policy/shipped-lists.ts"

t.test("refusals are expected at exactly the hosts that the shipped lists splice", async (t) => {
  const shipped = shippedLists.flatMap(({ hosts }) => hosts.map(({ pattern }) => pattern))
  const expected = platformHosts.map(({ pattern }) => pattern)
  t.strictSame([...expected].sort(), shipped.sort())
  t.strictSame(AnalyticsSettings.parse({})["platform-hosts"], expected)
  for (const pattern of expected) t.ok(covers([pattern], pattern.replace("*", "x")), pattern)
})

t.test("the operating system's own apps are told from others", async (t) => {
  const rows = [
    ["android", true],
    ["com.android.vending", true],
    ["com.google.android.gms", true],
    ["com.apple.mobilesafari", true],
    ["com.applecorps.player", false],
    ["com.example.bank", false],
    ["androidx.example", false],
  ] as const
  for (const [id, own] of rows) t.equal(isPlatformApp(id), own, id)
})
