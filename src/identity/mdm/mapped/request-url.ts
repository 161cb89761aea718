/** The address of a call: path and query of a mapping with its gaps filled in. */
import { namesIn } from "./needs.ts"

export interface CallAddress {
  path: string
  query: Readonly<Record<string, string | { value: string }>>
}

/**
 * Below `base`, whose path stands before the mapping's. What fills a gap is percent-encoded: an id that
 * the MDM gives cannot lead to another call.
 */
export function callUrl(
  base: string,
  { path, query }: CallAddress,
  fill: ReadonlyMap<string, string>,
  more: Readonly<Record<string, string>> = {},
): URL {
  let filled = path
  for (const name of namesIn(path)) {
    const value = fill.get(name)
    if (value === undefined) throw new Error(`nothing fills in {${name}} of ${path}`)
    if (!standsInPath(value)) throw new Error(`what fills in {${name}} of ${path} leads elsewhere`)
    filled = filled.replaceAll(`{${name}}`, () => encodeURIComponent(value))
  }
  const url = new URL(base)
  url.pathname = `${url.pathname.replace(/\/+$/, "")}${filled}`
  for (const [name, value] of Object.entries(query)) {
    const text = typeof value === "string" ? value : fill.get(value.value)
    if (text === undefined) throw new Error(`nothing fills in the parameter ${name} of ${path}`)
    url.searchParams.set(name, text)
  }
  for (const [name, value] of Object.entries(more)) url.searchParams.set(name, value)
  return url
}

/** Some servers decode a slash before they resolve dots, so steps up are refused though they are encoded. */
export function standsInPath(text: string): boolean {
  const steps = text.split(/[\\/]/)
  return text !== "" && text.length <= 200 && !steps.some((step) => /^\.{1,2}$/.test(step))
}
