import t from "tap"
import { table } from "../../src/lab/table.ts"

t.test("cells are as wide as the widest of their column, and the last ends with its text", (t) => {
  t.strictSame(
    table(
      ["A", "B"],
      [
        ["long", "x"],
        ["s", ""],
      ],
    ),
    ["A     B", "long  x", "s"],
  )
  t.end()
})

t.test("a table may have more rows than a call has room for arguments", (t) => {
  const rows = Array.from({ length: 200_000 }, () => ["x", "y"])
  t.equal(table(["A", "B"], rows).length, 200_001)
  t.end()
})
