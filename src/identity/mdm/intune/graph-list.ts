/** Lists of Microsoft Graph: pages with an opaque address of the next one. */
import { z } from "zod"
import type { MdmClient } from "../client.ts"
import { MdmFault } from "../mdm-fault.ts"

const List = z.object({
  value: z.array(z.unknown()).max(100_000),
  "@odata.nextLink": z.string().max(8_192).nullish(),
})

export interface GraphPage {
  rows: unknown[]
  /** Followed as it is, if it is at the origin that was asked. */
  next: string | null
}

export async function graphPage(
  client: MdmClient,
  url: string,
  signal: AbortSignal,
): Promise<GraphPage> {
  const list = List.safeParse(await client.json(url, signal))
  if (!list.success)
    throw new MdmFault("lasting", "Microsoft Graph answered with something else than a list")
  return { rows: list.data.value, next: list.data["@odata.nextLink"] || null }
}

/** Rows of all pages; `mostPages` bounds a server that never ends. */
export async function* graphRows(
  client: MdmClient,
  url: string,
  mostPages: number,
  signal: AbortSignal,
): AsyncGenerator<unknown> {
  let at: string | null = url
  for (let page = 0; at !== null; page++) {
    if (page >= mostPages)
      throw new MdmFault(
        "lasting",
        `Microsoft Graph never ends: a list of more than ${mostPages} pages`,
      )
    const { rows, next }: GraphPage = await graphPage(client, at, signal)
    yield* rows
    if (next === at)
      throw new MdmFault("lasting", "Microsoft Graph never ends: a page that is its own next")
    at = next
  }
}
