/** Whether two plain records say the same: findings of thousands of ids are compared at each judgement, and
 * most did not change. Fields that are undefined count as not there. */
export function isSameRecord(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) return isSameList(a, b)
  const [left, right] = [Object.entries(a), new Map(Object.entries(b))]
  const isThere = ([, value]: [string, unknown]) => value !== undefined
  if (left.filter(isThere).length !== [...right].filter(isThere).length) return false
  return left.every(([name, value]) => isSameRecord(value, right.get(name)))
}

function isSameList(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
  // The newest stand at the end, and differ first.
  for (let at = a.length - 1; at >= 0; at -= 1) if (!isSameRecord(a[at], b[at])) return false
  return true
}
