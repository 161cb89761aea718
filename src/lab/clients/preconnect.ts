/** Opens a connection in advance and never uses it, as browsers do. */
import { setTimeout as sleep } from "node:timers/promises"
import { connectTo, runClient } from "./errand.ts"

/** Longer than the fast window of the sensor ever is (2 s), in milliseconds. */
const kept = 2_500

await runClient(async (errand) => {
  const tls = await connectTo(errand)
  await sleep(kept)
  tls.end()
  await new Promise((resolve) => tls.once("close", resolve))
  return "kept ready, not used"
})
