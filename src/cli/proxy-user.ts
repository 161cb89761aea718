/** `pinsensor proxy-user NAME`: a line for the file of `proxy-users`, from a password on stdin. */
import { text } from "node:stream/consumers"
import { hashPassword } from "../intercept/password-hash.ts"
import { isUserName } from "../intercept/proxy-logins.ts"

export async function proxyUser(args: readonly string[]): Promise<void> {
  const [name, ...more] = args
  if (name === undefined || more.length > 0 || !isUserName(name))
    throw new Error("give one name without colon: pinsensor proxy-user NAME < password-file")
  if (process.stdin.isTTY) process.stderr.write("password (it is shown; end with Ctrl-D): ")
  const password = (await text(process.stdin)).replace(/\r?\n$/, "")
  if (password === "") throw new Error("the password on stdin is empty; write it on one line")
  if (/[\r\n]/.test(password)) throw new Error("the password on stdin has more than one line")
  process.stdout.write(`${name}:${await hashPassword(password)}\n`)
}
