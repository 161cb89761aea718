/** What people said only grows, and what was altered is found. */
import Database from "better-sqlite3"
import t from "tap"
import { storeFile } from "../../src/evidence/database.ts"
import { openStore } from "../../src/evidence/open.ts"
import { finding } from "../alert/samples.ts"
import { labelOn, withdrawalOf } from "../analytics/labels-given.ts"
import { newDir } from "./fixtures.ts"

const one = labelOn(finding())
const statements = [one, labelOn(finding(), { id: "l-2", label: "wrong" }), withdrawalOf(one)]

function storeWith(t: { teardown(fn: () => void): void }) {
  const dir = newDir(t)
  const store = openStore(dir)
  t.teardown(() => store.close())
  store.putLabels(statements, "ana@desk")
  const raw = new Database(`${dir}/${storeFile}`)
  t.teardown(() => raw.close())
  return { store, raw }
}

t.test("statements are kept as they were said, once, and followed in their order", (t) => {
  const { store } = storeWith(t)
  t.match(store.putLabels(statements, "somebody else"), { added: 0, known: 3 })
  t.match(store.putLabels([{ ...one, reason: "other" }], "x"), {
    conflicts: 1,
    conflict_ids: ["l-1"],
  })
  t.strictSame([...store.all("labels")], statements)
  t.strictSame(store.get("labels", "l-1"), one)
  t.equal(store.follow("labels", 1, 10).length, 2)
  t.equal(store.lastSeq("labels"), 3)
  const { ok, labels } = store.check()
  t.ok(ok)
  t.match(labels, { rows: 3, head: /^[0-9a-f]{64}$/ })
  t.end()
})

t.test("no statement is changed or taken out", (t) => {
  const { raw } = storeWith(t)
  for (const sql of ["UPDATE labels SET body = '{}'", "DELETE FROM labels"])
    t.throws(() => raw.exec(sql), /labels only grow/)
  t.end()
})

const tampering: [string, string, RegExp][] = [
  [
    "a reason",
    `UPDATE labels SET body = replace(body, 'it pins', 'it pings') WHERE seq = 1`,
    /row 1 is not what was written/,
  ],
  [
    "who brought it in",
    "UPDATE labels SET entered_by = 'eve' WHERE seq = 2",
    /row 2 is not what was written/,
  ],
  ["a row in between", "DELETE FROM labels WHERE seq = 2", /row 2 was taken out/],
  [
    "the withdrawal at its end",
    "DELETE FROM labels WHERE seq = 3",
    /row 3 was taken out of its end/,
  ],
]
for (const [what, sql, problem] of tampering)
  t.test(`db check finds that somebody altered ${what} past the triggers`, (t) => {
    const { store, raw } = storeWith(t)
    raw.exec(`DROP TRIGGER labels_stay; DROP TRIGGER labels_keep; ${sql}`)
    const { ok, problems } = store.check()
    t.notOk(ok)
    t.match(problems.join("\n"), problem)
    t.end()
  })
