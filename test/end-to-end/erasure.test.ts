/** A device is erased while the sensor runs: what remembers it forgets, and the sensor goes on. */
import t from "tap"
import { startPinsensor } from "../support/pinsensor.ts"
import { holds } from "../support/processes.ts"
import { device } from "../support/records.ts"

const soon = 20_000
t.setTimeout(60_000)

t.test("a running correlator forgets an erased device and goes on", async (t) => {
  const sensor = await startPinsensor({ tenant: "t1" })
  t.teardown(() => sensor.remove())
  const told = (event: string) => sensor.log.filter(({ msg }) => msg === event).length
  const phone = { ...device({ device_id: "phone-1", serial: "SERIAL77" }), record: "device" }
  await sensor.give([phone])
  const said = await sensor.verb("erase", "phone-1", "--reason", "left")
  t.match(said, /^erased \(\w+\): .*1 devices/)
  t.ok(await holds(() => told("correlator-forgets") === 1, soon))
  t.strictSame(await sensor.records("devices"), [])
  t.ok(await holds(() => told("recalled") === 2, soon), "what is left is read anew")
  await t.rejects(sensor.give([{ ...phone, id: "again" }]), /was erased/)
  t.strictSame(await sensor.records("devices"), [])
  t.equal(told("process-died"), 0)
})
