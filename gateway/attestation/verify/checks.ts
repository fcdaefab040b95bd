// The list of named checks of one verification, in order. A check that could not run because an
// earlier one failed says so; only typed errors become failures, a programmer's error passes
// through.
import { AttestationError, type Code } from '../codes.ts'

/** `unknown`: cannot be said from what the reader has. `not_asked`: nobody tried. */
export type CheckVerdict = 'pass' | 'fail' | 'unknown' | 'not_asked'

export interface Check {
  name: string
  verdict: CheckVerdict
  code: Code | 'ok'
  /** What was found, in words. */
  detail: string
}

export interface Found<T> {
  value: T
  detail: string
  /** When the finding is neither pass nor failure. */
  unknown?: Code
}

export class Checks {
  readonly #list: Check[] = []

  list(): readonly Check[] {
    return this.#list
  }

  add(check: Check): void {
    this.#list.push(check)
  }

  /**
   * Runs one check; `work` is undefined when what it needs is missing. Returns its value if it
   * passed.
   */
  run<T>(name: string, work: (() => Found<T>) | undefined): T | undefined {
    if (work === undefined) {
      this.add({ name, verdict: 'unknown', code: 'not_reached', detail: 'an earlier check failed' })
      return undefined
    }
    try {
      const { value, detail, unknown } = work()
      const verdict = unknown === undefined ? 'pass' : 'unknown'
      this.add({ name, verdict, code: unknown ?? 'ok', detail })
      return value
    } catch (error) {
      if (!(error instanceof AttestationError)) throw error
      this.add({ name, verdict: 'fail', code: error.code, detail: error.message })
      return undefined
    }
  }
}
