/** Asks for a page and trusts whatever its CAs vouch for. Given a file without our CA, it distrusts. */
import { ask, connectTo, runClient } from "./errand.ts"

await runClient(async (errand) => ask(await connectTo(errand), errand))
