import t from "tap"
import { NameReplacer } from "../../src/record/replace-names.ts"

const replacer = new NameReplacer(
  new Map([
    ["phone-1", "X"],
    ["ann@acme.example", "Y"],
    ["7", "Z"],
    ['odd "name"\\', "W"],
  ]),
)

const rows: [name: string, given: unknown, expected: unknown][] = [
  ["alone", "phone-1", "X"],
  ["in a sentence, in any case", "of PHONE-1, by Ann@acme.example.", "of X, by Y."],
  ["within a longer word it is another", "phone-12 and aphone-1", "phone-12 and aphone-1"],
  ["a short name counts where it is all there is", ["7", "7 of 17"], ["Z", "7 of 17"]],
  ["as a key", { "phone-1": [{ a: "phone-1" }] }, { X: [{ a: "X" }] }],
  ["what is no text stays", { a: 7, b: null, c: true }, { a: 7, b: null, c: true }],
  ["what JSON has to escape", { a: 'odd "name"\\' }, { a: "W" }],
]
for (const [name, given, expected] of rows)
  t.test(`a name is replaced: ${name}`, async (t) => {
    t.strictSame(JSON.parse(replacer.inText(JSON.stringify(given))), expected)
  })

t.test("a text that names nobody stays as it is, to the byte", async (t) => {
  const text = '{ "a" :  "phone-12", "b": 1.0 }'
  t.equal(replacer.inText(text), text)
  t.equal(replacer.inText("no JSON of phone-1"), "no JSON of X")
  t.equal(new NameReplacer(new Map()).inWords("anything"), "anything")
})
