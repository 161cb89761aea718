/**
 * `pinsensor export RECORD-KIND...`: stored records as lines of JSON, in the order they came.
 *
 * A line is `{"record": "<kind in the singular>", ...}`, its fields in the order of the schema, so
 * that import and export again give the same bytes. Memory does not grow with what is stored.
 */
import type { Writable } from "node:stream"
import type { Store } from "../../evidence/store.ts"
import { type Kind, kindNames, kinds } from "../../record/kinds.ts"

export interface ExportOptions {
  store: Store
  /** Kinds in the plural. */
  kinds: readonly string[]
  /** Leaves out what was observed before (epoch milliseconds). */
  sinceMs?: number
  /** What goes out in place of a record, as JSON: pseudonyms in place of names. */
  rewrite?: (body: string) => string
  /** Takes whole lines; false when nobody reads any more. The next chunk waits for it. */
  write: (lines: string) => Promise<boolean>
}

/** Characters handed over at a time. */
const chunkLength = 64 * 1024

/** Returns the number of records written. */
export async function exportRecords(options: ExportOptions): Promise<number> {
  const wanted = options.kinds.map(kindNamed)
  if (wanted.length === 0) throw new Error(`export: name at least one kind of ${listed()}`)
  let count = 0
  let chunk = ""
  for (const kind of wanted) {
    const start = `{"record":${JSON.stringify(kinds[kind].record)},`
    for (const stored of options.store.bodies(kind, options.sinceMs)) {
      const body = options.rewrite?.(stored) ?? stored
      chunk += `${start}${body.slice(1)}\n`
      count += 1
      if (chunk.length < chunkLength) continue
      if (!(await options.write(chunk))) return count
      chunk = ""
    }
  }
  if (chunk !== "") await options.write(chunk)
  return count
}

/** Writes to a stream and waits until it has taken the chunk; a closed pipe (`| head`) is no error. */
export function writerTo(stream: Writable): (text: string) => Promise<boolean> {
  // Without a listener the error would end the process before the callback below hears of it.
  stream.on("error", () => {})
  return (text) =>
    new Promise((resolve, reject) => {
      stream.write(text, (error) => {
        if (!error) resolve(true)
        else if (isClosedPipe(error)) resolve(false)
        else reject(new Error(`export: cannot write: ${error.message}`, { cause: error }))
      })
    })
}

function kindNamed(name: string): Kind {
  const kind = kindNames.find((one) => one === name)
  if (kind) return kind
  throw new Error(`export: there is no kind "${name}"; the kinds are ${listed()}`)
}

function listed(): string {
  return kindNames.join(", ")
}

function isClosedPipe(error: NodeJS.ErrnoException): boolean {
  return ["EPIPE", "ERR_STREAM_DESTROYED", "ERR_STREAM_WRITE_AFTER_END"].includes(error.code ?? "")
}
