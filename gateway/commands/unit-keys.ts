// The keys of a board, asked for over its own line: has it make the one that it signs with, and
// pins the one whose releases it takes. Both once in a board's life; nothing waits for a board that
// is away, and no private key ever passes here.
import { updateBody, updateKinds, updateResults } from '../../firmware/update.ts'
import { didOf, parseDid } from '../attestation/did.ts'
import type { Clock } from '../core/clock.ts'
import { OperatingError } from '../core/errors.ts'
import type { UnitLine } from '../core/source.ts'
import { notTaken, silentLine } from './line-errors.ts'

export interface UnitKeysParts {
  line(unit: string): UnitLine | undefined
  clock: Pick<Clock, 'monotonicMs' | 'sleep'>
  random(bytes: number): Uint8Array
}

export interface MadeKey {
  /** did:key, as the board states it from now on. */
  key: string
  custody: 'controller_flash'
  /** Who holds the board can read the key out of its flash. */
  extractable: true
}

/** More than the board asks for: its own noise is mixed in. */
const entropyBytes = 64
/** Until the board has said hello with its new key. */
const helloMs = 15_000

/** As enum link_code in firmware/runtime/link.h. */
const codes = { done: 0, unknown: 1, stale: 3, failed: 7 } as const

export class UnitKeys {
  readonly #parts: UnitKeysParts

  constructor(parts: UnitKeysParts) {
    this.#parts = parts
  }

  /** Rejects with an OperatingError where no key was made, or where nobody heard of it. */
  async make(unit: string): Promise<MadeKey> {
    const { clock, random } = this.#parts
    const line = this.#parts.line(unit)
    if (line === undefined) throw silentLine(unit)
    if (line.facts()?.key !== undefined) throw keyThere(unit)
    const reply = await line.ask('makeKey', [random(entropyBytes)])
    // An answer that was lost: its hello says what became of it.
    if (reply !== undefined && reply.code !== codes.done) throw refusedKey(unit, reply.code)
    const endMs = clock.monotonicMs() + helloMs
    while (clock.monotonicMs() < endMs) {
      const key = line.facts()?.key
      if (key !== undefined) {
        return { key: didOf(key), custody: 'controller_flash', extractable: true }
      }
      await clock.sleep(100)
    }
    throw silentLine(unit)
  }

  /** Pins a release key, as a did:key. Resolves with that key. */
  async trust(unit: string, did: string): Promise<{ releaseKey: string }> {
    const key = releaseKeyOf(did)
    const line = this.#parts.line(unit)
    if (line === undefined) throw silentLine(unit)
    const body = updateBody({ kind: 'trust', key })
    const reply = await line.ask('update', [updateKinds.trust, ...body])
    if (reply === undefined) throw silentLine(unit)
    if (reply.update === undefined) throw notTaken(unit)
    const result = updateResults[reply.code] ?? 'format'
    if (result !== 'ok') throw refusedTrust(unit, result)
    return { releaseKey: did }
  }
}

const releaseKeyOf = (did: string): Uint8Array => {
  try {
    return parseDid(did).bytes
  } catch (cause) {
    throw new OperatingError('release_key_wrong', {
      message: `this is no release key: ${(cause as Error).message}`,
      remedy: 'Give the did:key that "tenfold build --sign" prints.',
      cause,
    })
  }
}

const keyThere = (unit: string): OperatingError =>
  new OperatingError('key_there', {
    message: `${unit} has a key already; it makes one only once`,
    remedy: 'Nothing is to be done: "tenfold doctor" shows it.',
  })

const refusedKey = (unit: string, code: number): OperatingError => {
  if (code === codes.stale) return keyThere(unit)
  if (code === codes.unknown) {
    return new OperatingError('key_unsupported', {
      message: `the firmware of ${unit} makes no keys`,
      remedy: 'Bring it up to date, or let the gateway sign for this unit.',
    })
  }
  return new OperatingError('key_refused', {
    message: `${unit} made no key: the noise of its chip failed the health test, or its flash`,
    remedy: 'Ask again when its machine is at rest; if it stays, the board may be defective.',
  })
}

const trustReasons: Readonly<Record<string, [what: string, remedy: string]>> = {
  armed: ['the machine may move', 'Let go of its control, and ask again.'],
  pinned: [
    'another release key is pinned on it',
    'Only who has the board in hand changes it: flash the UF2 of "tenfold build --sign" anew.',
  ],
  absent: [
    'nobody holds its control',
    'Give it power with its control held, and hold until this is done; it cannot start so. ' +
      'Where it is a switch that stays put: put it on, and ask again within half a minute.',
  ],
}

const refusedTrust = (unit: string, result: string): OperatingError => {
  const [what, remedy] = trustReasons[result] ?? [`its flash (${result})`, 'Ask again.']
  return new OperatingError(`trust_${result}`, { message: `${unit} refuses: ${what}`, remedy })
}
