import { createServer } from "node:tls"
import t from "tap"
import { isCanonical } from "../../src/evidence/canonical.ts"
import type { Attempt } from "../../src/record/attempt.ts"
import type { Flow } from "../../src/record/flow.ts"
import {
  ask,
  handshake,
  listening,
  originCertificate,
  testSensor,
  tlsThrough,
} from "../support/sensor.ts"

t.test(
  "what the sensor writes is in the order of the record: storing it costs no copy",
  async (t) => {
    const attempts: Attempt[] = []
    const flows: Flow[] = []
    const sensor = await testSensor(t, {
      rules: [{ name: "around", when: { sni: ["spliced.test"] }, do: "splice" }],
      deps: { onAttempt: (it) => attempts.push(it), onFlow: (it) => flows.push(it) },
    })
    const names = ["inspected.test", "spliced.test"]
    for (const name of names) {
      const origin = createServer(originCertificate(name), (socket) => {
        socket.once("data", () => socket.end("x".repeat(2_000)))
      })
      const port = await listening(t, origin)
      const trusting = await tlsThrough(sensor, `${name}:${port}`, { rejectUnauthorized: false })
      await handshake(trusting)
      await ask(trusting)
      trusting.destroy()
      const refusing = await tlsThrough(sensor, `${name}:${port}`, { ca: [] })
      await handshake(refusing)
    }
    const enough = () => attempts.length === 2 && flows.length === 2
    for (let tries = 0; !enough() && tries < 100; tries++)
      await new Promise((r) => setTimeout(r, 50))
    t.ok(enough(), `${attempts.length} attempts, ${flows.length} flows`)
    for (const attempt of attempts) t.ok(isCanonical("attempts", attempt), attempt.token)
    for (const flow of flows) t.ok(isCanonical("flows", flow), flow.verdict)
  },
)
