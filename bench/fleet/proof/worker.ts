/** A process that runs the worlds it is sent, one after another, and sends back what came of each. It ends when
 * whoever sent them goes. */
import { type Choice, type Ran, runWorld } from "../run-world.ts"

export type Answer = { ran: Ran } | { failed: string }

process.on("message", (choice: Choice) => {
  try {
    process.send?.({ ran: runWorld(choice) })
  } catch (error) {
    process.send?.({
      failed: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
  }
})
