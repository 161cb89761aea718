/** Which page of a mapped list is asked for next. */
import t from "tap"
import { parseMapping } from "../../../../src/identity/mdm/mapped/mapping-file.ts"
import { ListPlace, pageQuery, readPage } from "../../../../src/identity/mdm/mapped/paging.ts"
import { callUrl } from "../../../../src/identity/mdm/mapped/request-url.ts"

const listOf = (paging: string, more = "") =>
  parseMapping(
    `
mapping: a
version: 1
api: a
reviewed-by: a
reviewed-at: 2026-11-21
auth: { kind: headers }
list: { path: /a, rows: /rows, paging: ${paging}${more} }
device: { id: /id, platform: { value: ios } }
posture: {}
`,
    "test",
  ).list

/** Reads `answers` as a server would give them: the queries, and how it ended. */
function read(list: ReturnType<typeof listOf>, answers: readonly unknown[]): [string[], string] {
  const queries: string[] = []
  let place = ListPlace.parse({})
  for (const answer of answers) {
    queries.push(new URLSearchParams(pageQuery(list.paging, place)).toString())
    const page = readPage(list, place, answer)
    if ("fault" in page) return [queries, page.fault]
    if (page.next === null) return [queries, "end"]
    place = page.next
  }
  return [queries, "goes on"]
}

const size = "size: { parameter: n, rows: 2 }"
const two = (from: number) => [{ id: from }, { id: from + 1 }]

t.test("each way of paging leads through all pages and ends", (t) => {
  const rows: [string, string, string, unknown[], string[], string][] = [
    [
      "by page number until one is empty",
      `{ kind: page, parameter: p, first: 1, ${size} }`,
      "",
      [{ rows: two(0) }, { rows: [{ id: 2 }] }, { rows: [] }],
      ["n=2&p=1", "n=2&p=2", "n=2&p=3"],
      "end",
    ],
    [
      "until all are there, numbers being texts",
      `{ kind: page, parameter: p, ${size} }`,
      ", total: /total",
      [
        { rows: two(0), total: "3" },
        { rows: [{ id: 2 }], total: "3" },
      ],
      ["n=2&p=0", "n=2&p=1"],
      "end",
    ],
    [
      "by offset, whatever the server gives at once",
      `{ kind: offset, parameter: o }`,
      "",
      [{ rows: two(0) }, { rows: [{ id: 2 }] }, { rows: [] }],
      ["o=0", "o=2", "o=3"],
      "end",
    ],
    [
      "by the last row until there are no more",
      `{ kind: cursor, parameter: after, from: /id }`,
      ", more: /more",
      [
        { rows: two(0), more: true },
        { rows: two(2), more: false },
      ],
      ["", "after=1"],
      "end",
    ],
    [
      "by token",
      `{ kind: token, parameter: t, next: /next }`,
      "",
      [{ rows: two(0), next: "x&y" }, { rows: two(2) }],
      ["", "t=x%26y"],
      "end",
    ],
    ["a single page", "{ kind: none }", "", [{ rows: two(0) }], [""], "end"],
    [
      "an empty first page",
      `{ kind: cursor, parameter: after, from: /id }`,
      "",
      [{ rows: [] }],
      [""],
      "end",
    ],
  ]
  for (const [what, paging, more, answers, queries, ending] of rows)
    t.strictSame(read(listOf(paging, more), answers), [queries, ending], what)
  t.end()
})

t.test("a server that would have us read for ever, or gives no list, is told", (t) => {
  const page = "{ kind: page, parameter: p }"
  const rows: [string, string, unknown[], RegExp][] = [
    ["it does not page", page, [{ rows: two(0) }, { rows: two(0) }], /is the page before it again/],
    [
      "its token leads back",
      "{ kind: token, parameter: t, next: /next }",
      [
        { rows: two(0), next: "a" },
        { rows: two(0), next: "a" },
      ],
      /is the page before it again/,
    ],
    [
      "its last row has no cursor",
      "{ kind: cursor, parameter: after, from: /id }",
      [{ rows: [{}] }],
      /has no \/id in its last row/,
    ],
    [
      "its token has no measure",
      "{ kind: token, parameter: t, next: /next }",
      [{ rows: two(0), next: "x".repeat(4_097) }],
      /leads on to a page of more than 4096/,
    ],
    [
      "its link is no text",
      "{ kind: link, next: /next }",
      [{ rows: two(0), next: { href: "/devices?page=2" } }],
      /leads on to what is no text/,
    ],
    ["no list", page, [{ error: "down" }], /has no list at \/rows/],
    ["an object", page, [{ rows: { length: 1 } }], /has no list at \/rows/],
  ]
  for (const [what, paging, answers, ending] of rows)
    t.match(read(listOf(paging), answers)[1], ending, what)
  t.end()
})

t.test("what fills a path stays in its place", (t) => {
  const fill = new Map([
    ["id", "a b/c?d#e%"],
    ["group", "7&x=y"],
  ])
  const call = { path: "/devices/{id}/apps", query: { g: { value: "group" }, fixed: "1" } }
  t.equal(
    callUrl("https://mdm.example/api/", call, fill, { page: "2" }).href,
    "https://mdm.example/api/devices/a%20b%2Fc%3Fd%23e%25/apps?g=7%26x%3Dy&fixed=1&page=2",
  )
  for (const id of ["", ".", "..", "../..", "a/../b", "..\\b", "x".repeat(201)])
    t.throws(() => callUrl("https://mdm.example", call, new Map([...fill, ["id", id]])), id)
  t.end()
})
