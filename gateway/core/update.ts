// What a person is shown of a unit's firmware and of an update: of the board that is heard now, of
// a release before anything of it is sent, and of how far it is. Types only; nothing is decided.

export interface Problem {
  code: string
  message: string
  remedy: string
}

/** How an update stands. */
export interface UpdateJob {
  unit: string
  version: number
  state: 'sending' | 'restarting' | 'trying' | 'done' | 'failed'
  /** Bytes of the image, without its head. */
  sent: number
  total: number
  error?: Problem
}

/** What a signed release is, read from the file itself. */
export interface ReleaseFace {
  version: number
  machine: string
  board: string
  /** SHA-256, hex: of the file, of the machine file, of the loop's module that a unit states. */
  digests: { file: string; profile: string; firmware: string }
  /** did:key that signed both images, checked; absent: nobody, or none that the release names. */
  signer?: string
  /** Of the image for one slot, bytes. */
  bytes: number
  /** Version that the board runs now; absent where it was not asked. */
  running?: number
  /** Why the unit does not take it now; absent where it would. */
  refusal?: Problem
}

/** A unit's board on its own line, and its newest update. */
export interface UnitFirmware {
  /** null: not heard on a line of its own now, so it takes no updates. */
  board: { name: string; firmware: string } | null
  job: UpdateJob | null
}
