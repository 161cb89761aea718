/**
 * JSON pointers (RFC 6901) into what an MDM answered: own members only, nothing is evaluated.
 */
import { z } from "zod"

export type Pointer = readonly string[]

/** Longer or deeper is a slip of the pen. */
const longest = 500
const deepest = 20

/** `/mdm/enrollment_status` -> its members; `~1` stands for a slash in a name, `~0` for a tilde. */
export const PointerText = z
  .string()
  .max(longest)
  .transform((text, context): Pointer => {
    const members = parsePointer(text)
    if (members !== null) return members
    context.addIssue({
      code: "custom",
      message: `"${text}" is not a JSON pointer: write /member/member, "" for the whole, ~1 for a slash in a name`,
    })
    return z.NEVER
  })

function parsePointer(text: string): Pointer | null {
  if (text === "") return []
  if (!text.startsWith("/") || /~(?![01])/.test(text)) return null
  const members = text
    .slice(1)
    .split("/")
    .map((member) => member.replaceAll("~1", "/").replaceAll("~0", "~"))
  return members.length > deepest ? null : members
}

export function pointerText(pointer: Pointer): string {
  return pointer.map((member) => `/${member.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("")
}

/** What stands there; undefined where nothing does. Members of a prototype are nothing. */
export function at(json: unknown, pointer: Pointer): unknown {
  let found = json
  for (const member of pointer) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, member))
      return undefined
    // An array's own `length` is no member of the JSON text.
    if (Array.isArray(found) && !/^(0|[1-9]\d{0,8})$/.test(member)) return undefined
    found = (found as Record<string, unknown>)[member]
  }
  return found
}
