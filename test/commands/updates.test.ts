// Updates through the gateway with a board that is a few lines of a test: what is refused before a
// byte is sent, and that nothing is confirmed but what was heard. Real boards are in test/updates.
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { writeRelease } from '../../firmware/release-file.ts'
import { headBytes, signImage } from '../../firmware/signed-image.ts'
import { updateKinds, updateResults } from '../../firmware/update.ts'
import { signerOfSeed } from '../../gateway/attestation/identity.ts'
import { UnitKeys } from '../../gateway/commands/unit-keys.ts'
import { Updates } from '../../gateway/commands/updates.ts'
import type { UnitFacts, UnitLine, UnitReply } from '../../gateway/core/source.ts'

const release = signerOfSeed(new Uint8Array(32).fill(7))
const stranger = signerOfSeed(new Uint8Array(32).fill(8))
const [profile, module] = ['aa'.repeat(32), 'bb'.repeat(32)]

interface Wish {
  machine?: string
  board?: string
  version?: number
  profile?: string
  /** In the manifest only. */
  stated?: string
  signer?: typeof release
}

const fileOf = (wish: Wish = {}): Uint8Array => {
  const { machine = 'cordless_drill', board = 'rp2040-pico', version = 7 } = wish
  const text = JSON.stringify({
    digests: { profile: wish.stated ?? wish.profile ?? profile, module },
  })
  const image = (slot: 0 | 1): Uint8Array =>
    signImage(
      new Uint8Array(headBytes + 1000).fill(slot),
      {
        ...{ slot, version, board, machine },
        manifest: createHash('sha256').update(text).digest(),
        profile: Uint8Array.from(Buffer.from(wish.profile ?? profile, 'hex')),
      },
      (message) => (wish.signer ?? release).sign(message),
    )
  return writeRelease({ a: image(0), b: image(1), text })
}

const resultOf = (word: (typeof updateResults)[number]): number => updateResults.indexOf(word)

/** As a board answers; `what` turns one of its answers into another. */
class FakeUnit {
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
    ask: (_, [kind]) => Promise.resolve(this.#answer(Number(kind))),
  }

  #answer(kind: number): UnitReply {
    const names = Object.keys(updateKinds) as (keyof typeof updateKinds)[]
    const name = names.find((one) => updateKinds[one] === kind)
    if (name === undefined) throw new Error('no such kind')
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

const stand = (unit: FakeUnit | undefined = new FakeUnit()) => {
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

const isRefusal = (word: (typeof updateResults)[number]): UnitReply => ({
  code: resultOf(word),
  update: { next: 0, slot: 0, trial: 0 },
})

describe('refused before a byte is sent', () => {
  test.each<[string, Wish, ((unit: FakeUnit) => void)?]>([
    ['update_foreign', { machine: 'nutrunner' }],
    ['update_foreign', { board: 'stm32f405' }],
    ['update_profile', { profile: 'dd'.repeat(32) }],
    ['update_profile', { stated: 'dd'.repeat(32) }],
    ['update_signature', { signer: stranger }],
    ['update_old', { version: 4 }],
    ['update_no_key', {}, (unit) => (unit.pinned = undefined)],
    ['update_trial', {}, (unit) => (unit.trial = 1)],
    ['update_unsupported', {}, (unit) => (unit.instead.state = { code: 1 })],
  ])('%s: %j', async (code, wish, change) => {
    const { updates, unit } = stand()
    change?.(unit)
    await expect(updates.start('drill-1', fileOf(wish))).rejects.toMatchObject({ code })
    expect(unit.told.filter((one) => one !== 'state')).toEqual([])
    expect(updates.job('drill-1')).toBeUndefined()
  })

  test('a unit that is not heard, and a file that is none', async () => {
    const { updates } = stand()
    const none = new Updates({
      ...{ line: () => undefined, profileDigest: () => profile, ended: () => {} },
      clock: { monotonicMs: () => 0, sleep: async () => {} },
    })
    await expect(none.start('x', fileOf())).rejects.toMatchObject({ code: 'unit_silent' })
    for (const file of [new Uint8Array(), fileOf().slice(0, -1), fileOf().slice(9)]) {
      await expect(updates.start('x', file)).rejects.toMatchObject({ code: 'image_wrong' })
    }
  })
})

test('a machine that may move is told of, after a few tries, and left alone', async () => {
  const { updates, unit, finished } = stand()
  unit.instead.begin = isRefusal('armed')
  const job = await updates.start('drill-1', fileOf())
  expect(await finished()).toBe('false update_armed')
  expect(job).toMatchObject({ state: 'failed', sent: 0, error: { code: 'update_armed' } })
  expect(unit.told).toEqual(['state', 'begin', 'begin', 'begin'])
})

test('a board that lost its power on the way is given time to know that it rests', async () => {
  const { updates, unit, finished } = stand()
  const armed = Array.from({ length: 5 }, () => isRefusal('armed'))
  let isLost = false
  unit.instead.chunk = () => {
    if (isLost) return undefined
    isLost = true
    return isRefusal('idle')
  }
  unit.instead.begin = () => (isLost ? armed.pop() : undefined)
  await updates.start('drill-1', fileOf())
  expect(await finished()).toBe('true version_7')
})

test('a second update of a unit waits for the first one', async () => {
  const { updates, finished } = stand()
  await updates.start('drill-1', fileOf())
  await expect(updates.start('drill-1', fileOf())).rejects.toMatchObject({ code: 'update_busy' })
  expect(await finished()).toBe('true version_7')
})

test('is confirmed when the new image is heard, and not before', async () => {
  const { updates, unit, finished } = stand()
  const job = await updates.start('drill-1', fileOf())
  expect(await finished()).toBe('true version_7')
  expect(job).toMatchObject({ state: 'done', sent: 1000, total: 1000 })
  expect(unit.told.slice(-3)).toEqual(['restart', 'state', 'confirm'])
})

test.each([
  ['the slot of before', { slot: 0 }],
  ['another version', { version: 6 }],
  ['another firmware', { firmware: 'ee'.repeat(32) }],
  ['no report', { isHeard: false }],
])('nothing is confirmed where it runs %s', async (_, next) => {
  const { updates, unit, finished } = stand()
  Object.assign(unit.next, next)
  await updates.start('drill-1', fileOf())
  expect(await finished()).toBe('false update_reverted')
  expect(unit.told).not.toContain('confirm')
})

describe('keys', () => {
  const keysOf = (reply: UnitReply | undefined) => {
    const line = { facts: () => new FakeUnit().line.facts(), ask: async () => reply }
    return new UnitKeys({
      line: () => line,
      clock: { monotonicMs: () => 0, sleep: async () => {} },
      random: (bytes) => new Uint8Array(bytes),
    })
  }
  test.each([
    ['trust_armed', isRefusal('armed'), /Let go/],
    ['trust_pinned', isRefusal('pinned'), /flash the UF2 of "tenfold build --sign"/],
    ['trust_absent', isRefusal('absent'), /control held/],
    ['trust_flash', isRefusal('flash'), /Ask again/],
    ['update_unsupported', { code: 1 }, /tenfold flash/],
    ['unit_silent', undefined, /serial/],
  ] as const)('%s', async (code, reply, remedy) => {
    const wanted = { code, remedy: expect.stringMatching(remedy) }
    await expect(keysOf(reply).trust('drill-1', release.did)).rejects.toMatchObject(wanted)
  })

  test.each([
    ['key_unsupported', 1],
    ['key_there', 3],
    ['key_refused', 7],
  ])('%s', async (code, result) => {
    await expect(keysOf({ code: result }).make('drill-1')).rejects.toMatchObject({ code })
  })

  test('what is no key is not sent', async () => {
    const wanted = { code: 'release_key_wrong' }
    await expect(keysOf(undefined).trust('x', 'did:key:zz')).rejects.toMatchObject(wanted)
  })
})
