// A board that is a few lines of a test, the signed releases that it is offered, and updates over
// it on a clock of their own.
import { createHash } from 'node:crypto'
import { writeRelease } from '../../firmware/release-file.ts'
import { headBytes, headImage, signImage } from '../../firmware/signed-image.ts'
import { updateKinds, updateResults } from '../../firmware/update.ts'
import { signerOfSeed } from '../../gateway/attestation/identity.ts'
import { Updates } from '../../gateway/commands/updates.ts'
import type { UnitFacts, UnitLine, UnitReply } from '../../gateway/core/source.ts'

export const release = signerOfSeed(new Uint8Array(32).fill(7))
export const stranger = signerOfSeed(new Uint8Array(32).fill(8))
export const [profile, module] = ['aa'.repeat(32), 'bb'.repeat(32)]

export interface Wish {
  machine?: string
  board?: string
  version?: number
  profile?: string
  /** In the manifest only. */
  stated?: string
  signer?: typeof release | 'nobody'
  /** The manifest, where it is not to be one. */
  text?: string
}

export const fileOf = (wish: Wish = {}): Uint8Array => {
  const { machine = 'cordless_drill', board = 'rp2040-pico', version = 7, signer = release } = wish
  const key = Buffer.from(signer === 'nobody' ? '' : signer.publicKey).toString('hex')
  const digests = { profile: wish.stated ?? wish.profile ?? profile, module }
  const text = wish.text ?? JSON.stringify({ digests, release: { version, key } })
  const image = (slot: 0 | 1): Uint8Array => {
    const head = {
      ...{ slot, version, board, machine },
      manifest: createHash('sha256').update(text).digest(),
      profile: Uint8Array.from(Buffer.from(wish.profile ?? profile, 'hex')),
    }
    const linked = new Uint8Array(headBytes + 1000).fill(slot)
    if (signer === 'nobody') return headImage(linked, head)
    return signImage(linked, head, (message) => signer.sign(message))
  }
  return writeRelease({ a: image(0), b: image(1), text })
}

export const resultOf = (word: (typeof updateResults)[number]): number =>
  updateResults.indexOf(word)

/** As a board answers; `what` turns one of its answers into another. */
export class FakeUnit {
  boot = 3
  slot = 0
  version = 5
  floor = 5
  trial = 0
  pinned: Uint8Array | undefined = Uint8Array.from(release.publicKey)
  firmware = 'cc'.repeat(32)
  reports = 1
  /** What it answers instead, by kind: always, or where that gives an answer. */
  instead: Partial<Record<keyof typeof updateKinds, UnitReply | (() => UnitReply | undefined)>> = {}
  /** Its answers wait for these, by kind. */
  readonly waits: Partial<Record<keyof typeof updateKinds, Promise<void>>> = {}
  readonly told: string[] = []
  /** What it runs after its restart. */
  next = { slot: 1, version: 7, firmware: module, isHeard: true }

  readonly line: UnitLine = {
    facts: (): UnitFacts => {
      if (this.next.isHeard) this.reports += 1
      const { boot, firmware, reports } = this
      return {
        ...{ boot, firmware, reports, uptimeUs: 1, machine: 'cordless_drill' },
        ...{ board: 'rp2040-pico', profile, key: undefined, isTaken: true },
      }
    },
    ask: async (_, [kind]) => {
      const names = Object.keys(updateKinds) as (keyof typeof updateKinds)[]
      const name = names.find((one) => updateKinds[one] === Number(kind))
      if (name === undefined) throw new Error('no such kind')
      await this.waits[name]
      return this.#answer(name)
    },
  }

  #answer(name: keyof typeof updateKinds): UnitReply {
    this.told.push(name)
    const instead = this.instead[name]
    const other = typeof instead === 'function' ? instead() : instead
    if (other !== undefined) return other
    if (name === 'restart') {
      this.boot += 1
      Object.assign(this, { slot: this.next.slot, version: this.next.version, trial: 1 })
      this.firmware = this.next.firmware
    }
    const { slot, trial, version, floor, pinned } = this
    const all = name === 'state' ? { version, floor, ...(pinned && { pinned }) } : {}
    return { code: 0, update: { next: 0, slot, trial, ...all } }
  }
}

export const stand = (unit: FakeUnit | undefined = new FakeUnit()) => {
  const ended: string[] = []
  let nowMs = 0
  const updates = new Updates({
    line: () => unit?.line,
    profileDigest: () => profile,
    clock: {
      monotonicMs: () => nowMs,
      sleep: async (ms) => {
        nowMs += ms
      },
    },
    ended: (_, __, { good, word }) => ended.push(`${good} ${word}`),
    pace: { patience: 6, firstPatience: 2, startMs: 5000 },
  })
  const finished = async (): Promise<string | undefined> => {
    while (ended.length === 0) await new Promise((resolve) => setImmediate(resolve))
    return ended[0]
  }
  return { updates, finished, unit: unit ?? new FakeUnit() }
}

export const isRefusal = (word: (typeof updateResults)[number]): UnitReply => ({
  code: resultOf(word),
  update: { next: 0, slot: 0, trial: 0 },
})
