/** Another process that changes the register: `register-child.ts DIR NAME COUNT`, one commit each. */
import { openStore } from "../../src/evidence/open.ts"
import { registerEntry, ten } from "./fixtures.ts"

const [dir = "", name = "", count = "0"] = process.argv.slice(2)
const store = openStore(dir)
for (let n = 0; n < Number(count); n += 1)
  store.putRegister([registerEntry(`${name}-${n}`, "api.bank.example", null)], name, ten)
store.close()
