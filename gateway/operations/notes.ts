// What a gateway notes for the person who runs it, as lines that cannot fill a disk: of each kind
// the first few in a minute, then one line that says how many more there were. A part's flood does
// not hide what another part says. It must not lose a line uncounted, nor let one line be two.

/** One line, as `tenfold gateway --log json` writes it. */
export interface NoteLine {
  /** ISO 8601, UTC. */
  time: string
  /** Who says so: log, mqtt, opcua ... */
  part: string
  /** Code of the error, where the line names one. */
  code?: string
  text: string
  /** Lines that this one stands for, where it is a summary. */
  count?: number
}

export interface NotesParts {
  clock: { nowUs(): number }
  /** Runs a task once, later. @returns what calls it off */
  after(delayMs: number, task: () => void): () => void
  write(line: string): void
  form: 'text' | 'json'
}

export interface Notes {
  note(line: string): void
  /** Says what was held back so far; lines noted afterwards are written as they come. */
  close(): void
}

/**
 * Bounds: one part writes at most 30 lines and 9 summaries a minute, each of at most 500
 * characters; there are at most 24 parts.
 */
export const noteLimits = {
  windowMs: 60_000,
  linesOfKind: 10,
  linesOfPart: 30,
  kindsOfPart: 8,
  parts: 24,
  characters: 500,
} as const

interface Kind {
  seen: number
  heldBack: number
  code: string | undefined
  /** The first line that was held back. */
  example: string
}
interface Part {
  written: number
  kinds: Map<string, Kind>
}
interface Said {
  part: string
  code: string | undefined
  text: string
}

export const openNotes = (options: NotesParts): Notes => {
  const parts = new Map<string, Part>()
  let callOff: (() => void) | undefined

  const flush = (): void => {
    callOff = undefined
    for (const [part, { kinds }] of parts) {
      for (const kind of kinds.values()) {
        if (kind.heldBack > 0) options.write(formed(summaryOf(part, kind), options))
      }
    }
    parts.clear()
  }

  return {
    note: (line) => {
      callOff ??= options.after(noteLimits.windowMs, flush)
      const said = saidIn(line)
      const name = parts.has(said.part) || parts.size < noteLimits.parts ? said.part : 'others'
      const part = entryOf(parts, name, () => ({ written: 0, kinds: new Map() }))
      const kind = kindOf(part, said)
      kind.seen += 1
      if (kind.seen <= noteLimits.linesOfKind && part.written < noteLimits.linesOfPart) {
        part.written += 1
        options.write(formed(said, options))
        return
      }
      if (kind.heldBack === 0) kind.example = said.text
      kind.heldBack += 1
    },
    close: () => {
      callOff?.()
      flush()
    },
  }
}

const entryOf = <T>(map: Map<string, T>, name: string, make: () => T): T => {
  const known = map.get(name)
  if (known !== undefined) return known
  const made = make()
  map.set(name, made)
  return made
}

/** The last kind is for all that find no room: what a stranger makes up cannot grow the memory. */
const kindOf = ({ kinds }: Part, { code, text }: Said): Kind => {
  const own = code ?? skeleton(text)
  const hasRoom = kinds.has(own) || kinds.size < noteLimits.kindsOfPart
  const make = (): Kind => ({
    ...{ seen: 0, heldBack: 0, example: '' },
    code: hasRoom ? code : undefined,
  })
  return entryOf(kinds, hasRoom ? own : '', make)
}

/** A line without what differs from one unit, address or moment to the next. */
const skeleton = (text: string): string =>
  text
    .replace(/"[^"]*"/g, '"')
    .replace(/[^\s:]*\d[^\s]*/g, '#')
    .slice(0, 80)

const partPattern = /^([a-z][a-z0-9-]{0,23}): (.*)$/
const codePattern = /\(([a-z]+(?:_[a-z]+)+)\)|(?:^|: )([a-z]+(?:_[a-z]+)+): /

/** A control character of a stranger's name must not begin a line of its own, or move a cursor. */
const control = /[\p{Cc}\u2028\u2029]/gu

const saidIn = (line: string): Said => {
  const cut =
    line.length > noteLimits.characters ? `${line.slice(0, noteLimits.characters - 1)}…` : line
  const whole = cut.replace(control, '\ufffd')
  const [, part = 'gateway', text = whole] = partPattern.exec(whole) ?? []
  const [, inBrackets, before] = codePattern.exec(text) ?? []
  return { part, code: inBrackets ?? before, text }
}

const summaryOf = (part: string, kind: Kind): Said & { count: number } => {
  const { heldBack: count, code, example } = kind
  const lines = count === 1 ? '1 more line' : `${count} more lines`
  const what = code === undefined ? 'like' : `with ${code}, like`
  const text = `${lines} within a minute ${what}: ${example.slice(0, 200)}`
  return { part, code, text, count }
}

const formed = (
  { part, code, text, count }: Said & { count?: number },
  { form, clock }: NotesParts,
): string => {
  if (form === 'text') return part === 'gateway' ? text : `${part}: ${text}`
  const line: NoteLine = {
    time: new Date(clock.nowUs() / 1000).toISOString(),
    part,
    ...(code !== undefined && { code }),
    text,
    ...(count !== undefined && { count }),
  }
  return JSON.stringify(line)
}
