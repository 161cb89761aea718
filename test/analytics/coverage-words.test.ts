import t from "tap"
import { gapWords } from "../../src/analytics/coverage-words.ts"
import { GapName } from "../../src/record/coverage-gap.ts"

t.test("every gap says what it means and what closes it", (t) => {
  t.strictSame(Object.keys(gapWords), GapName.options)
  for (const words of Object.values(gapWords))
    for (const text of Object.values(words)) t.match(text, /^[a-zA-Z].*[^.]$/)
  t.end()
})
