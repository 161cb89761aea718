import t from "tap"
import { parse } from "tldts"
import { parseHostPattern } from "../../src/record/host-pattern.ts"
import { appleHosts } from "../../src/record/vendor-hosts/apple.ts"
import { captivePortalHosts } from "../../src/record/vendor-hosts/captive-portal.ts"
import { googleHosts } from "../../src/record/vendor-hosts/google.ts"

const all = [...appleHosts, ...googleHosts, ...captivePortalHosts]

t.test(
  "each host says what it is for, who says so, and when and in which copy it was read",
  (t) => {
    for (const { pattern, purpose, source, read, copy } of all) {
      t.doesNotThrow(() => parseHostPattern(pattern), pattern)
      t.match(source, /^https:\/\//, pattern)
      t.match(read, /^20\d\d-\d\d-\d\d$/, pattern)
      t.not(purpose, "", pattern)
      t.not(copy, "", pattern)
    }
    t.end()
  },
)

t.test("no host is listed twice, so a splice names one list", (t) => {
  const patterns = all.map(({ pattern }) => pattern)
  t.strictSame([...new Set(patterns)], patterns)
  t.end()
})

t.test(
  "no pattern opens a whole domain of a vendor: it would be a tunnel to everything in it",
  (t) => {
    for (const { pattern } of all) {
      const below = pattern.startsWith("*.") ? pattern.slice(2) : null
      if (below) t.not(parse(below).domain, below, pattern)
      t.notMatch(pattern, /\*\.(icloud|googleapis|gstatic|itunes\.apple)\./, pattern)
    }
    t.end()
  },
)

t.test("what relays, resolves or stores for anybody is on no list", (t) => {
  const tunnels = ["mask.icloud.com", "mask-h2.icloud.com", "doh.dns.apple.com", "dns.google"]
  const stores = ["gateway.icloud.com", "www.google.com", "fcm.googleapis.com"]
  const patterns = new Set(all.map(({ pattern }) => pattern))
  for (const host of [...tunnels, ...stores]) t.notOk(patterns.has(host), host)
  t.end()
})
