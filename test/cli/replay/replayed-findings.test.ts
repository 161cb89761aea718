import t from "tap"
import { ReplayedFindings } from "../../../src/cli/replay/replayed-findings.ts"
import { confirmedWorld, findTarget } from "../../analytics/worlds.ts"

const found = findTarget(confirmedWorld())
if (!found) throw new Error("the confirmed world has a finding")

t.test(
  "findings are kept by device in their last version, and beyond the bound it ends",
  async (t) => {
    const findings = new ReplayedFindings(2)
    findings.keep([{ ...found, id: "b" }])
    findings.keep([
      { ...found, id: "b", state: "closed" },
      { ...found, id: "a" },
    ])
    t.strictSame(
      findings.all().map(({ id, state }) => [id, state]),
      [
        ["a", "open"],
        ["b", "closed"],
      ],
    )
    t.strictSame(findings.of("nobody"), [])
    t.equal(findings.of(found.key.device_id).length, 2)
    t.throws(() => findings.keep([{ ...found, id: "c" }]), { message: /--from and --to/ })
  },
)
