import t from "tap"
import { openResolver } from "../../../src/cli/worker/open-resolver.ts"
import { DnsSettings } from "../../../src/intercept/dns-settings.ts"

t.test("name servers that fail are told of, once in a while, and counted", async (t) => {
  const logs: { level: string; event: string; fields: Record<string, unknown> }[] = []
  const time = { now: 0 }
  // Nobody listens on port 1, and no test is given it.
  const dns = DnsSettings.parse({ servers: ["127.0.0.1:1"] })
  const names = openResolver(
    { hosts: { "own.test": ["192.0.2.1"] }, dns },
    (level, event, fields) => logs.push({ level, event, fields }),
    () => time.now,
  )
  t.strictSame(await names.resolve("own.test"), ["192.0.2.1"])
  t.strictSame(logs, [])
  for (const name of ["a.test", "b.test", "c.test"])
    await t.rejects(names.resolve(name), { code: "ECONNREFUSED" })
  time.now = 10_000
  await t.rejects(names.resolve("d.test"), { code: "ECONNREFUSED" })
  t.strictSame(logs, [
    {
      level: "warn",
      event: "dns-failing",
      fields: { name: "a.test", because: "ECONNREFUSED", times: 1 },
    },
    {
      level: "warn",
      event: "dns-failing",
      fields: { name: "d.test", because: "ECONNREFUSED", times: 3 },
    },
  ])
  t.match(names.counts, { asked: 5, failed: 4 })
})
