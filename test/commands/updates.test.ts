// Updates through the gateway with a board that is a few lines of a test: what is refused before a
// byte is sent, and that nothing is confirmed but what was heard. Real boards are in test/updates.
import { describe, expect, test } from 'vitest'
import { UnitKeys } from '../../gateway/commands/unit-keys.ts'
import { Updates } from '../../gateway/commands/updates.ts'
import type { UnitReply } from '../../gateway/core/source.ts'
import {
  FakeUnit,
  fileOf,
  isRefusal,
  module,
  profile,
  release,
  stand,
  stranger,
  type Wish,
} from './fake-unit.ts'

describe('refused before a byte is sent', () => {
  test.each<[string, Wish, ((unit: FakeUnit) => void)?]>([
    ['update_foreign', { machine: 'nutrunner' }],
    ['update_foreign', { board: 'stm32f405' }],
    ['update_profile', { profile: 'dd'.repeat(32) }],
    ['update_profile', { stated: 'dd'.repeat(32) }],
    ['update_signature', { signer: stranger }],
    ['update_unsigned', { signer: 'nobody' }],
    ['update_old', { version: 4 }],
    ['update_no_key', {}, (unit) => (unit.pinned = undefined)],
    ['update_trial', {}, (unit) => (unit.trial = 1)],
    ['update_unsupported', {}, (unit) => (unit.instead.state = { code: 1 })],
  ])('%s: %j', async (code, wish, change) => {
    const { updates, unit } = stand()
    change?.(unit)
    await expect(updates.start('drill-1', fileOf(wish))).rejects.toMatchObject({ code })
    const { version, refusal } = await updates.check('drill-1', fileOf(wish))
    expect([version, refusal?.code]).toEqual([wish.version ?? 7, code])
    expect(unit.told.filter((one) => one !== 'state')).toEqual([])
    expect(updates.firmware('drill-1').job).toBeNull()
  })

  test('a unit that is not heard, and a file that is none', async () => {
    const { updates } = stand()
    const none = new Updates({
      ...{ line: () => undefined, profileDigest: () => profile, ended: () => {} },
      clock: { monotonicMs: () => 0, sleep: async () => {} },
    })
    await expect(none.start('x', fileOf())).rejects.toMatchObject({ code: 'unit_silent' })
    const texts = ['null', '7', '{}', '{"digests":{"profile":1,"module":""}}', 'no JSON']
    const files = [new Uint8Array(), fileOf().slice(0, -1), fileOf().slice(9)]
    for (const file of [...files, ...texts.map((text) => fileOf({ text }))]) {
      await expect(updates.start('x', file)).rejects.toMatchObject({ code: 'image_wrong' })
      await expect(updates.check('x', file)).rejects.toMatchObject({ code: 'image_wrong' })
    }
  })
})

test('a release is looked at: what it is, who signed it, what runs; and nothing begins', async () => {
  const { updates, unit } = stand()
  const face = await updates.check('drill-1', fileOf())
  expect(face).toMatchObject({
    ...{ version: 7, machine: 'cordless_drill', board: 'rp2040-pico', bytes: 1000, running: 5 },
    ...{ signer: release.did, digests: { profile, firmware: module } },
  })
  expect(face.refusal).toBeUndefined()
  expect(unit.told).toEqual(['state'])
  expect(updates.firmware('drill-1')).toEqual({
    board: { name: 'rp2040-pico', firmware: unit.firmware },
    job: null,
  })
  // Whom the manifest names has not signed: the name is worth nothing.
  const key = Buffer.from(release.publicKey).toString('hex')
  const text = JSON.stringify({ digests: { profile, module }, release: { key } })
  const { signer } = await updates.check('drill-1', fileOf({ text, signer: stranger }))
  expect(signer).toBeUndefined()
})

test('of two that are asked for at once, one begins', async () => {
  const { updates, finished } = stand()
  const both = [1, 2].map(() => updates.start('drill-1', fileOf()))
  const [first, second] = await Promise.allSettled(both)
  expect([first?.status, second]).toMatchObject([
    'fulfilled',
    { status: 'rejected', reason: { code: 'update_busy' } },
  ])
  expect(await finished()).toBe('true version_7')
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
