/** An MDM that is polled by a real `pinsensor run` whose collector is killed in the middle of a sweep. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import t from "tap"
import { clientId, startJamf } from "../emulators/jamf.ts"
import { startPinsensor } from "../support/pinsensor.ts"
import { childrenOf, holds } from "../support/processes.ts"

const soon = 20_000
t.setTimeout(60_000)

t.test("a collector that is killed in the middle of a sweep goes on there", async (t) => {
  const jamf = await startJamf({ devices: 45 })
  const secret = join(t.testdir(), "jamf.secret")
  writeFileSync(secret, `${jamf.tokens.secret}\n`, { mode: 0o600 })
  const reached = Promise.withResolvers<void>()
  let pages = 0
  jamf.disturb = ({ url }) => {
    if (!url.pathname.endsWith("/detail") || ++pages <= 3) return null
    reached.resolve()
    return "silence"
  }
  const mdm = {
    kind: "jamf",
    name: "wards",
    url: jamf.url,
    "client-id": clientId,
    "client-secret": { file: secret },
    "page-size": 10,
    http: { "allow-plain-http": true },
  }
  const sensor = await startPinsensor({ sources: { mdm: [mdm] } })
  t.teardown(async () => {
    await sensor.remove()
    await jamf.close()
  })
  await reached.promise
  const collector = childrenOf(sensor.pid).find(({ role }) => role === "collector")
  jamf.disturb = () => null
  jamf.requests.length = 0
  process.kill(collector?.pid ?? 0, "SIGKILL")
  const done = () => sensor.log.some(({ msg }) => msg === "mdm-sweep-done")
  t.ok(await holds(done, soon))
  const ids = (await sensor.records("devices")).map((device) => device["device_id"])
  t.equal(ids.length, 45)
  t.equal(new Set(ids).size, 45)
  t.equal((await sensor.records("postures")).length, 45)
  t.match(
    jamf.requests.filter((request) => request.includes("/detail"))[0],
    /page=3/,
    "pages that were stored are not read again",
  )
  t.notMatch(JSON.stringify(sensor.log), new RegExp(jamf.tokens.secret))
})
