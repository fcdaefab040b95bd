// One thing that is wrong with a loop, a machine file, a board or an image, and where: in a form
// that an editor opens (`file:line:column`). What is wrong in a machine or board file is found by
// its JSON pointer; whoever has the file's text turns that into a line.
import { relative, sep } from 'node:path'
import type { TextPlace } from '../hardware-profiles/json-places.ts'

export interface Finding {
  /** `firmware/loops/brushed-motor/loop.ts:12:3` where known, else what it is in. */
  place: string
  what: string
  remedy: string
  /** Where the place is still to be looked up: the file, and the JSON pointer in it. */
  at?: { file: 'machine' | 'board'; pointer: string }
}

/** Gives the line of a JSON pointer in a machine or board file. */
export type Locate = (at: NonNullable<Finding['at']>) => string | undefined

type Said = Pick<Finding, 'what' | 'remedy'>

/** Of a machine file, by the JSON pointer of what is wrong there. */
export const inMachine = (machine: string, pointer: string, said: Said): Finding => ({
  place: `${machine}: ${pointer}`,
  ...said,
  at: { file: 'machine', pointer },
})

/** Of a board's file. */
export const inBoard = (board: string, pointer: string, said: Said): Finding => ({
  place: `${board}: ${pointer}`,
  ...said,
  at: { file: 'board', pointer },
})

/** With its line, where that is known; the pointer stays, as it names the very value. */
export const located = ({ at, ...finding }: Finding, locate: Locate): Finding => {
  const place = at && locate(at)
  return place === undefined ? finding : { ...finding, place: `${place}: ${at?.pointer}` }
}

/** What was built is not what a board may run: every finding, with its place and remedy. */
export class BuildError extends Error {
  override name = 'BuildError'
  readonly code = 'build_refused'
  readonly remedy: string
  readonly findings: readonly Finding[]
  constructor(findings: readonly Finding[]) {
    const remedies = [...new Set(findings.map((finding) => finding.remedy))]
    const [only = ''] = remedies
    const own = ({ remedy }: Finding): string => (remedies.length > 1 ? `\n    ${remedy}` : '')
    super(findings.map((one) => `${one.place}: ${one.what}${own(one)}`).join('\n  '))
    this.remedy = remedies.length > 1 ? 'Mend each of these, then build again.' : only
    this.findings = findings
  }
}

const root = `${import.meta.dirname}/..`

/** A file as an editor finds it: from the project's root, or whole where it lies elsewhere. */
export const shownPath = (path: string): string => {
  const below = relative(root, path)
  return below.startsWith('..') ? path : below.split(sep).join('/')
}

export const shownPlace = (path: string, { line, column }: TextPlace): string =>
  `${shownPath(path)}:${line}:${column}`
