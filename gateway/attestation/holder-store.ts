// The head of a chain in a file of its own: where a twin or a gateway keeps what a board keeps in
// flash. Written whole and synced before it counts; a damaged file is an error, never a fresh
// start, because a fresh start would fork the chain. Signing side.
import { existsSync, readFileSync } from 'node:fs'
import { type Cbor, encodeCbor, maxCborBytes } from './cbor.ts'
import { AttestationError } from './codes.ts'
import { maxCounters } from './entry.ts'
import { Fields } from './fields.ts'
import { writeAtomically } from './files.ts'
import { type HolderState, type HolderStore, maxUnsent } from './holder.ts'

/** Head, counters and the most messages that may wait, each at its longest. */
const maxHeadBytes = (maxUnsent + 1) * 2 * maxCborBytes

const encodeState = (state: HolderState): Uint8Array =>
  encodeCbor(
    new Map<string, Cbor>([
      ['unit', state.unit],
      ['seq', state.seq],
      ['hash', state.hash],
      ['boot', state.boot],
      ['t', state.timeUs],
      ['counters', new Map(Object.entries(state.counters))],
      ['unsent', state.unsent],
    ]),
  )

const decodeState = (bytes: Uint8Array): HolderState => {
  const fields = Fields.decode(bytes, 'head', maxHeadBytes)
  const state = {
    unit: fields.text('unit', /^did:key:z\w+$/),
    seq: fields.uint('seq'),
    hash: fields.digest('hash'),
    boot: fields.uint('boot'),
    timeUs: fields.uint('t'),
    counters: fields.counts('counters', maxCounters),
    unsent: fields.byteStrings('unsent'),
  }
  fields.end()
  return state
}

/** HolderStore in the file at `path`. Throws bad_head_file when the file cannot be read back. */
export const fileHolderStore = (path: string): HolderStore => ({
  load: () => {
    if (!existsSync(path)) return undefined
    const bytes = Uint8Array.from(readFileSync(path))
    try {
      return decodeState(bytes)
    } catch (error) {
      throw new AttestationError('bad_head_file', `${path}: ${(error as Error).message}`)
    }
  },
  save: (state) => writeAtomically(path, encodeState(state)),
})
