import t from "tap"
import { covers } from "../../src/analytics/host-list.ts"
import { isPlatformApp, platformHosts } from "../../src/analytics/platform-hosts.ts"

t.test("each host has a source and the day it was read, and is a pattern", async (t) => {
  for (const { pattern, source, read } of platformHosts) {
    t.match(source, /^https:\/\/support\.(apple|google)\.com\//)
    t.match(read, /^\d{4}-\d\d-\d\d$/)
    t.ok(covers([pattern], pattern.replace("*", "x")), pattern)
  }
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
