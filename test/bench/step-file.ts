// Puts the longest measured step of a loop into the text of a board's file and leaves all other
// lines as they are. A figure that still bounds what was measured stays, with its reason.
import type { Board } from '../../firmware/boards.ts'

type WorstStep = Board['worstStep'][string]

/** What a run measured: cycles as the build takes them, the loop's digest, and how. */
export interface Measured {
  kind: string
  cycles: number
  sources: string
  how: string
}

/**
 * What the board's file is to say. Sampling of a kind that is new there: the greatest of the other
 * kinds, and its text says so.
 */
export const worstStepOf = (
  { worstStep }: Pick<Board, 'worstStep'>,
  { kind, cycles, sources, how }: Measured,
): WorstStep => {
  const kept = worstStep[kind]
  if (kept !== undefined && cycles <= kept.cycles) return { ...kept, sources }
  const sampling = Math.max(0, ...Object.values(worstStep).map((one) => one.sampling))
  return {
    cycles: Math.ceil(cycles / 10) * 10,
    sampling: kept?.sampling ?? sampling,
    how: kept === undefined ? `${how}. Sampling: the greatest of the other loops` : how,
    sources,
  }
}

/** @param text The file. @returns It, with this kind's entry; the file's own indents. */
export const withWorstStep = (text: string, kind: string, entry: WorstStep): string => {
  const lines = JSON.stringify(entry, null, 2).split('\n').join('\n    ')
  const block = `"${kind}": ${lines}`
  const start = text.indexOf('"worstStep": {')
  if (start < 0) throw new Error('the file has no worstStep')
  const head = text.slice(0, start)
  const tail = text.slice(start)
  const known = new RegExp(`"${kind}": \\{[^}]*\\}`)
  const at = tail.search(known)
  if (at >= 0 && at < tail.search(/\n {2}\}/)) return head + tail.replace(known, () => block)
  return (
    head + tail.replace(/\{\s*/, (open) => `{\n    ${block}${open.length > 2 ? ',\n    ' : ''}`)
  )
}
