/** A process that runs the worlds it is sent, one after another, and sends back what came of each. */
import { type Choice, runWorld } from "../run-world.ts"

process.on("message", (choice: Choice) => {
  process.send?.(runWorld(choice))
})
