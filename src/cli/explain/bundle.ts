/**
 * A case bundle for incident response: every record behind a finding and around it, in the form that
 * `pinsensor import` reads, with its explanation, the settings, and a hash of each file. There is no payload in
 * it: there is none in the store.
 */
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { canonicalJson } from "../../evidence/canonical.ts"
import { type Kind, kinds, type RecordOf } from "../../record/kinds.ts"
import { explanationOf } from "./explanation.ts"
import type { Case } from "./gather.ts"
import { tarOf } from "./tar.ts"
import { explanationText } from "./text.ts"

export interface BundleFile {
  name: string
  content: Buffer
}

export interface BundleOf {
  cases: readonly Case[]
  /** What `config show` prints. */
  settings: string
  /** Of the program and what it runs on. */
  versions: Readonly<Record<string, string>>
  /** When it was made, in epoch milliseconds. */
  nowMs: number
}

export function bundleFiles({ cases, settings, versions, nowMs }: BundleOf): BundleFile[] {
  const explained = cases.map(explanationOf)
  const files: BundleFile[] = [
    text("explanation.txt", `${explained.map(explanationText).join("\n\n\n")}\n`),
    text("explanation.json", `${JSON.stringify(explained, null, 2)}\n`),
    ...records(cases),
    text("settings.yaml", settings),
    text("versions.json", `${JSON.stringify(versions, null, 2)}\n`),
  ]
  const manifest = {
    made_at: new Date(nowMs).toISOString(),
    findings: cases.map(({ finding }) => finding.id),
    forgotten: cases.flatMap(({ forgotten }) => forgotten),
    files: files.map(({ name, content }) => ({
      name,
      bytes: content.length,
      sha256: hash(content),
    })),
  }
  files.push(text("manifest.json", `${JSON.stringify(manifest, null, 2)}\n`))
  const sums = files.map(({ name, content }) => `${hash(content)}  ${name}\n`)
  return [...files, text("SHA256SUMS", sums.join(""))]
}

/** One file a kind; a record that several cases share stands in it once. */
function records(cases: readonly Case[]): BundleFile[] {
  const of = <K extends Kind>(kind: K, found: (known: Case) => readonly RecordOf[K][]) => {
    const lines = new Map(
      cases.flatMap(found).map((record) => [record.id, lineOf(kind, canonicalJson(kind, record))]),
    )
    return lines.size === 0 ? [] : [text(`${kind}.ndjson`, [...lines.values()].join(""))]
  }
  return [
    ...of("attempts", ({ attempts }) => attempts),
    ...of("flows", ({ flows }) => flows),
    ...of("app-events", ({ app_events }) => app_events),
    ...of("devices", ({ device }) => (device ? [device] : [])),
    ...of("postures", ({ postures }) => postures),
    ...of("apps", ({ apps }) => apps),
    ...of("bindings", ({ bindings }) => bindings),
    ...of("register", ({ register }) => register),
    ...of("register-changes", ({ register_changes }) => register_changes),
    ...of("drifts", ({ drifts }) => drifts),
    ...of("labels", ({ labels }) => labels),
    ...of("findings", ({ finding }) => [finding]),
    ...of("incidents", ({ incident }) => (incident ? [incident] : [])),
    ...of("alerts", ({ alerts }) => alerts),
  ]
}

/** As `pinsensor export` writes it. */
function lineOf(kind: Kind, body: string): string {
  return `{"record":${JSON.stringify(kinds[kind].record)},${body.slice(1)}\n`
}

function text(name: string, content: string): BundleFile {
  return { name, content: Buffer.from(content) }
}

function hash(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex")
}

/** A name that ends in `.tar.gz` or `.tgz` is an archive, any other a new folder. Nothing is overwritten. */
export function writeBundle(path: string, files: readonly BundleFile[], nowMs: number): void {
  if (existsSync(path)) throw new Error(`--bundle: ${path} is there already; name a new one`)
  if (/\.(tar\.gz|tgz)$/.test(path)) {
    const archive = gzipSync(tarOf(files, { folder: "case", atMs: nowMs }))
    return writeFileSync(path, archive, { mode: 0o600, flag: "wx" })
  }
  mkdirSync(path, { recursive: true, mode: 0o700 })
  for (const { name, content } of files)
    writeFileSync(join(path, name), content, { mode: 0o600, flag: "wx" })
}
