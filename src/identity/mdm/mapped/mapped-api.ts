/**
 * Asks the calls of a mapping. Out: a page or an object; null for an answer without content, which
 * some servers give for an empty list; a fault in words for an answer that is not as declared.
 */
import { boundedJson, NotJson } from "../bounded-json.ts"
import type { MdmClient } from "../client.ts"
import { MdmFault } from "../mdm-fault.ts"
import { type Fault, isFault } from "./field.ts"
import type { ListCall } from "./mapping.ts"
import { type ListPage, type ListPlace, pageQuery, readPage } from "./paging.ts"
import { pointerText } from "./pointer.ts"
import { type CallAddress, callUrl } from "./request-url.ts"

export interface Asked {
  /** What fills the gaps of path and query. */
  fill: ReadonlyMap<string, string>
  /** Parameters beside those of the mapping. */
  more?: Record<string, string>
  /** A device that is not there (404, 410) is no fault. */
  mayBeGone?: boolean
}

export class MappedApi {
  readonly #base: string
  readonly #client: MdmClient

  constructor(base: string, client: MdmClient) {
    this.#base = base
    this.#client = client
  }

  async page(
    call: ListCall,
    place: ListPlace,
    asked: Asked,
    signal: AbortSignal,
  ): Promise<ListPage | null | Fault> {
    const follow = call.paging.kind === "link" ? place.next : null
    const more = { ...asked.more, ...pageQuery(call.paging, place) }
    const url = follow === null ? callUrl(this.#base, call, asked.fill, more) : new URL(follow)
    const answer = await this.#answer(url, asked.mayBeGone ?? false, signal)
    if (answer === null || isFault(answer)) return answer
    const page = readPage(call, place, answer.json)
    return isFault(page) ? page : resolved(call, page, url)
  }

  /** The whole answer of a call that has no pages. */
  async object(
    call: CallAddress,
    asked: Asked,
    signal: AbortSignal,
  ): Promise<{ json: unknown } | null | Fault> {
    const url = callUrl(this.#base, call, asked.fill)
    return this.#answer(url, asked.mayBeGone ?? false, signal)
  }

  async #answer(
    url: URL,
    mayBeGone: boolean,
    signal: AbortSignal,
  ): Promise<{ json: unknown } | null | Fault> {
    try {
      const answer = await this.#client.answer(url, { method: "GET", headers: {} }, signal)
      return { json: boundedJson(answer.body) }
    } catch (error) {
      if (error instanceof NotJson) return { fault: error.message }
      const status = error instanceof MdmFault ? error.status : null
      if (status === 204 || (mayBeGone && (status === 404 || status === 410))) return null
      throw error
    }
  }
}

/** A relative link goes on from the address it came from; another host's is refused when it is asked. */
function resolved(call: ListCall, page: ListPage, from: URL): ListPage | Fault {
  const next = page.next?.next ?? null
  if (call.paging.kind !== "link" || page.next === null || next === null) return page
  const target = URL.canParse(next, from.href) ? new URL(next, from.href) : null
  if (target === null) return { fault: `has no address at ${pointerText(call.paging.next)}` }
  return { ...page, next: { ...page.next, next: target.href } }
}
