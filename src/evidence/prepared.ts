/** Prepared statements of a connection, each compiled once. */
import type { Database, Statement } from "better-sqlite3"

/** Bounded by the program: statements are constants, some sixty a connection. */
const ofConnection = new WeakMap<Database, Map<string, Statement>>()

export function prepared(db: Database, sql: string): Statement {
  const statements = ofConnection.get(db) ?? new Map<string, Statement>()
  ofConnection.set(db, statements)
  const statement = statements.get(sql) ?? db.prepare(sql)
  statements.set(sql, statement)
  return statement
}
