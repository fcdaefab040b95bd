// What a line to a board is made with, what it tells of itself, and the small tables that it reads:
// its pace, the words for a board's answers, the payload of an item. No behaviour.
import type { Clock } from '../../core/clock.ts'
import type { Machine } from '../../core/machine.ts'
import type { Emit } from '../../core/source.ts'
import type { Dictionary } from './dictionary.ts'
import type { RefusalCode } from './hello.ts'
import type { Item, ItemTray } from './items.ts'
import type { HelloMessage, Protocol } from './messages.ts'
import type { Prover } from './prover.ts'
import type { Shelf } from './shelf.ts'

export interface LineParts {
  /** Id that the settings give the unit. */
  readonly unit: string | undefined
  readonly machines: ReadonlyMap<string, Machine>
  readonly protocol: Protocol
  readonly clock: Clock
  /** Part of every session's name: new at every start of the gateway. */
  readonly epoch: string
  /** A number of 32 bits that nobody guesses. */
  nonce(): number
  readonly emit: Emit
  write(bytes: Uint8Array): void
  /** False where another line has this unit. */
  claim(unit: string): boolean
  note(line: string): void
  /** Dictionaries by digest: a board that comes back is not asked again. */
  readonly dictionaries: Map<string, Uint8Array>
  /** Where recordings of black boxes are kept; absent where none are fetched. */
  readonly shelf?: Shelf | undefined
}

/** What a person may want to know of a line; counts are since the port was opened. */
export interface LineStatus {
  state: 'silent' | 'refused' | 'learning' | 'speaking'
  unit: string | undefined
  board: string | undefined
  refusal: { code: RefusalCode; detail: string } | undefined
  frames: number
  damaged: number
  malformed: number
  reports: number
  /** Reports that came faster than they are taken, or that the log refused. */
  dropped: number
  items: number
  /** As the board counts them. */
  boardDamaged: number
  boardLost: number
}

/** What is known of a board from its hello on. */
export interface Session {
  hello: HelloMessage
  unit: string
  machine: Machine
  name: string
  dictionary: Dictionary | undefined
  schema: Buffer
  gathered: number
  tray: ItemTray
  budget: number
  prover: Prover | undefined
  /** The board's, at its newest report. */
  uptimeUs: number
  /** The hello is durable: what comes after it may be acknowledged. */
  isLogged: boolean
}

export const pace = {
  greetMs: 1000,
  /** So long without a whole frame, and the board counts as gone. */
  silentMs: 5000,
  /** Reports on their way to the log. */
  flyingMax: 256,
  /** Above the profile's rate: states that a board reports at once. */
  urgentHz: 220,
} as const

/** An entry as it was signed; anything else as JSON around its bytes. */
export const payloadOf = (item: Item): Uint8Array =>
  item.topic === 'entry'
    ? item.bytes
    : Buffer.from(
        JSON.stringify({
          ...{ boot: item.boot, number: item.number, kind: item.kind },
          data: Buffer.from(item.bytes).toString('base64'),
        }),
      )

/** As enum link_code in firmware/runtime/link.h. */
export const resultCodes: Readonly<Record<number, string>> = {
  1: 'its firmware does not know this kind of message',
  2: 'the message is not what its kind asks for',
  3: 'the message is of another boot, or its number was there already',
  4: "a value is outside the profile's limits",
  5: 'nobody has armed the machine at the machine',
  6: 'it is busy',
}

/** The same in one word each, as every unit answers a command. */
export const resultWords: Readonly<Record<number, string>> = {
  ...{ 1: 'unknown', 2: 'malformed', 3: 'stale', 4: 'beyond', 5: 'disarmed', 6: 'busy' },
  7: 'failed',
}
